"""An Action while its call is under way: what the block between claim and outcome can say."""

from collections.abc import Mapping
from typing import Any

from amends.api.action import ActionOutcome
from amends.api.plan import ProposedCompensation
from amends.client import verdict
from amends.client.fields import sentence
from amends.client.verdict import Verdict, Word


class RunningAction:
    """The handle inside the block. Nothing here raises, and nothing is sent before the block ends.

    What comes after the call must not make it look failed: evidence of any shape is taken as it
    is, and looked at once the outcome is on record.
    """

    def __init__(self, idempotency_key: str) -> None:
        self.idempotency_key = idempotency_key
        """To be sent along: a target that honours it does the same thing only once."""
        self.name: str | None = None
        """The Action; None if it could not be recorded and the call goes on all the same."""
        self.namespace: str | None = None
        """Where it is."""
        self.attempt = 1
        """How often it has been tried under this key, this time included."""
        self.earlier: ActionOutcome | None = None
        """What was known under this key before. None: nothing. Pending, Unknown: it may have been
        sent. Succeeded, Failed: that was reported."""
        self.receipt: Any = None
        """What the target answered. Once there is one, the block may end without a word."""
        self.compensation: Mapping[str, Any] | ProposedCompensation | None = None
        """How to undo it, where only the answer says how: replaces what was given before."""
        self._said: Verdict | None = None

    def succeeded(self, receipt: Any = None) -> None:
        """It has happened, whatever goes wrong in the block from here on."""
        if receipt is not None:
            self.receipt = receipt
        self._said = Verdict(Word.SUCCEEDED)

    def failed(self, error: str) -> None:
        """It has not happened, and this is why."""
        self._said = Verdict(Word.FAILED, sentence(error) or "failed")

    def unknown(self, reason: str) -> None:
        """It may have happened or not, and this is why nobody knows."""
        self._said = Verdict(Word.UNKNOWN, sentence(reason))

    def verdict(
        self, error: BaseException | None, nobody_knows: tuple[type[BaseException], ...]
    ) -> Verdict:
        """What came of it, now that the block has ended with or without an exception."""
        if self._said is not None:
            return self._said
        if error is not None:
            return verdict.of_exception(error, nobody_knows)
        if self.receipt is not None:
            return Verdict(Word.SUCCEEDED)
        return Verdict(
            Word.UNKNOWN,
            "the block ended without a word: set action.receipt, or call action.succeeded(), "
            "action.failed(error) or action.unknown(reason)",
        )
