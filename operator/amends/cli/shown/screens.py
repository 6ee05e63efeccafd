"""What a person on call reads before deciding: what it is, what will be sent, what is special."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from amends.api.action import Action
from amends.api.compensation import Compensation
from amends.api.dead_letter import DeadLetter
from amends.api.plan import Plan
from amends.api.wire import Condition, ConditionStatus
from amends.cli.shown.preview import Changed, Nothing, Preview, Sent, plain, visible
from amends.core.letters.progress import MOST_DISPATCHES
from amends.core.superseding import superseded

Fact = tuple[str, str]
_LABEL = 11
_LABEL_MOST = 40
_WARNING = "bold yellow"


def screen(
    title: str,
    namespace: str,
    me: str,
    about: Iterable[Fact],
    blocks: Sequence[RenderableType] = (),
    warnings: Iterable[str] = (),
) -> Group:
    """One screen, from what it is about down to what is special: that stands next to the prompt."""
    head = Text.assemble((title, "bold"), f"\nin namespace {namespace}. You are {visible(me)}.")
    spaced: list[RenderableType] = [part for block in blocks for part in (Text(), block)]
    warned = [_warning(text) for text in warnings]
    above = [Text()] if warned else []
    return Group(head, Text(), facts(about), *spaced, *above, *warned, Text())


def of_compensation(compensation: Compensation, action: Action | None) -> Iterator[Fact]:
    """What it is, in the order of the questions that people ask."""
    spec, status = compensation.spec, compensation.status
    yield "Phase", f"{status.phase}{_why(status.conditions)}"
    yield "Undoes", plain(spec.target_effect)
    if spec.action_ref is not None:
        yield "Action", action_in_words(spec.action_ref.name, action)
    yield from of_plan(spec)
    yield "Asked by", visible(spec.requester.username) if spec.requester else "not known"
    if status.approvals:
        yield (
            "Decided",
            ", ".join(f"{visible(a.username)} ({a.decision})" for a in status.approvals),
        )
    if status.attempts:
        yield "Attempts", f"{status.attempts} of {spec.retry.max_attempts}"


def of_plan(plan: Plan) -> Iterator[Fact]:
    """How it is undone, in the words of who planned it."""
    words = [text for text in (plan.rollback_instruction, plan.forward_fix_instruction) if text]
    yield str(plan.direction), plain("\n".join(words)) or "(no instruction)"


def of_letter(letter: DeadLetter, action: Action | None) -> Iterator[Fact]:
    """What failed, and what was tried since."""
    spec, status = letter.spec, letter.status
    yield "Phase", f"{status.phase}{_why(status.conditions)}"
    gone = "" if action is not None else " (gone, or not readable)"
    by = f"by action {spec.action_ref.name}{gone}"
    yield "Failed", f"{_on(spec.operation, spec.target)}, {by}"
    yield "Because", plain(spec.reason)
    yield "Attempts", f"{spec.attempts} by the automation{_dispatches(letter)}"
    if status.compensation_ref is not None:
        yield "Undone by", f"compensation {status.compensation_ref.name}"
    if status.disposition is not None:
        last = status.disposition
        yield "Decided", f"{last.choice} by {visible(last.actor)}: {plain(last.reason)}"


def action_in_words(name: str, action: Action | None) -> str:
    """What was attempted and what came of it."""
    if action is None:
        return f"{name} (gone, or not readable)"
    spec, effect = action.spec, action.status.effect
    came = f", {effect.outcome}" if effect is not None else ""
    error = f": {plain(spec.error)}" if spec.error and spec.error.strip() else ""
    return f"{name}: {_on(spec.operation, spec.target)}{came}{error}"


def _on(operation: str, target: str | None) -> str:
    return plain(operation) + (f" on {plain(target)}" if target else "")


def _dispatches(letter: DeadLetter) -> str:
    dispatch = letter.status.dispatch
    count = dispatch.count if dispatch is not None else 0
    return f", {count} of {MOST_DISPATCHES} retries" if count else ""


def _why(conditions: Sequence[Condition]) -> str:
    """What the operator says it waits for; not again the digest, which has its own place."""
    ready = next((one for one in conditions if one.type == "Ready"), None)
    if ready is None or ready.status is ConditionStatus.TRUE or "planDigest" in ready.message:
        return ""
    return f": {plain(ready.message)}"


# ------------------------------------------------------------------------------------ the request


def request(preview: Preview, intro: str) -> RenderableType:
    """What would be sent, or that nothing is."""
    match preview:
        case Nothing(why):
            return Text(f"No request is sent: {why}.")
        case Sent():
            return Group(Text(f"{intro}:"), Text(), Padding(_sent(preview), (0, 0, 0, 4)))
        case Changed():
            return _changed(preview)


def _changed(change: Changed) -> Group:
    head = Text.assemble(
        (f"{change.operation} ", "bold"), change.called, f" as {change.service_account}. "
    )
    if change.changes is None:
        return Group(head.append("The operator has not seen yet what that changes."))
    head.append("What that changes, as it was seen last:")
    drift = (
        "If it would change something else by then, it is approved anew."
        if change.refuses_drift
        else "It is done whatever it changes by then (previewDrift: Allow)."
    )
    listed = Text("\n".join(change.changes), overflow="fold")
    return Group(head, Text(), Padding(listed, (0, 0, 0, 4)), Text(), Text(drift, "dim"))


def _sent(sent: Sent) -> Group:
    parts: list[RenderableType] = [_line(sent.method, Text(sent.url, "bold"), style="bold")]
    parts += [_line(f"{name}:", Text(value)) for name, value in sent.headers]
    if sent.body is not None:
        parts += [Text(), Text(sent.body, overflow="fold")]
    if sent.notes:
        parts += [Text(), *(Text(f"{note}.") for note in sent.notes)]
    terms = f"It may take {sent.seconds} s. {sent.repeat}"
    if sent.reads_secrets:
        terms += f" Secrets are read as service account {sent.service_account}."
    parts += [Text(), Text(terms, "dim")]
    if sent.objection is not None:
        parts.append(_warning(f"it cannot be sent: {sent.objection}"))
    return Group(*parts)


def _line(label: str, value: Text, style: str = "dim") -> Table:
    """A label, and a value that is folded beside it and not below it."""
    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(overflow="fold", max_width=_LABEL_MOST)
    made.add_column(overflow="fold")
    made.add_row(Text(label, style), value)
    return made


def digest(computed: str, recorded: str | None) -> RenderableType:
    """The digest on a line of its own: people compare it with what they were sent."""
    if recorded == computed:
        said = "Plan digest, the same computed here and by the operator:"
    elif recorded is None:
        said = "Plan digest, computed here; the operator has not computed it yet:"
    else:
        said = "Plan digest of this spec, computed here; the operator has not seen this spec yet:"
    return Group(Text(said), Padding(Text(computed, "bold"), (0, 0, 0, 2)))


# ---------------------------------------------------------------------------------- what is special


def special(compensation: Compensation) -> Iterator[str]:
    """What makes this one unlike others."""
    status = compensation.status
    if status.superseded_by is not None:
        yield f"{plain(superseded(status.superseded_by).message)}. Is the undo still wanted?"
    yield from standing(status.conditions)


def standing(conditions: Sequence[Condition]) -> Iterator[str]:
    """What the operator warns of itself."""
    for condition in conditions:
        if condition.type in ("Stalled", "OutcomeUnknown") and condition.status == "True":
            yield f"{condition.type}: {plain(condition.message)}"


def paragraph(text: str) -> Text:
    """A sentence or a few."""
    return Text(text)


def _warning(text: str) -> Table:
    return _line("!", Text(text, _WARNING), style=_WARNING)


def facts(about: Iterable[Fact]) -> Padding:
    """Labels and what stands behind them."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, min_width=_LABEL, style="dim")
    made.add_column(overflow="fold")
    for label, value in about:
        made.add_row(Text(label), Text(value))
    return Padding(made, (0, 0, 0, 2))
