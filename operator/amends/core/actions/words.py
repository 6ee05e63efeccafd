"""Words: what the outcome text of an automation means."""

from amends.api.action import Action, ActionOutcome

_WORDS = {
    ActionOutcome.SUCCEEDED: "posted sent succeeded success completed delivered matched",
    ActionOutcome.PENDING: "pending queued claimed",
    ActionOutcome.FAILED: "failed error rejected denied cancelled",
}
_MEANING = {word: outcome for outcome, words in _WORDS.items() for word in words.split()}

FINAL = (ActionOutcome.SUCCEEDED, ActionOutcome.FAILED)


def classify(outcome: str, error: str | None) -> ActionOutcome:
    """What an outcome text means. An error always means Failed."""
    if error is not None and error.strip():
        return ActionOutcome.FAILED
    word = outcome.strip().lower().replace("-", "_")
    return _MEANING.get(word, ActionOutcome.UNKNOWN)


def outcome_of(action: Action) -> ActionOutcome:
    """What an Action says now."""
    return classify(action.spec.outcome, action.spec.error)
