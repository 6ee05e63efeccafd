"""What waits for people, as rows for `top`: oldest first. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from amends.api import Action, Compensation, DeadLetter, Resource
from amends.api.wire import Transition
from amends.cli.look import owners
from amends.cli.shown import nextstep, render
from amends.cli.shown.kinds import BY_NAME, reference
from amends.cli.shown.preview import plain
from amends.cli.shown.step import PEOPLE, Typing, condition, is_stalled
from amends.cli.shown.times import lasting
from amends.ports import Raw

WAITING: Mapping[str, Sequence[str]] = {
    "DeadLetter": ("status.phase=Open", "status.phase=RetryRequested", "status.phase=Retrying"),
    "Action": ("status.effect.outcome=Unknown",),
    "Compensation": ("status.phase!=Completed,status.phase!=Cancelled",),
}
"""Field selectors of everything that may wait for a person: open work, never the history."""


@dataclass(frozen=True)
class Waiting:
    """One thing that a person must do.

    since: when it began to wait. unknown: nobody knows whether its effect has happened.
    """

    since: datetime
    namespace: str
    reference: str
    why: str
    command: str
    unknown: bool = False


def waiting(found: Iterable[Raw], flags: str, now: datetime) -> list[Waiting]:
    """What of it waits for people, oldest first."""
    rows = (row for raw in found if (row := _row(raw, flags, now)) is not None)
    return sorted(rows, key=lambda row: (row.since, row.namespace, row.reference))


def _row(raw: Raw, flags: str, now: datetime) -> Waiting | None:
    kind, meta = raw["kind"], raw["metadata"]
    name, space = meta["name"], meta["namespace"]

    typing = Typing(space, flags)
    look = typing("show", reference(kind, name))
    try:
        one = BY_NAME[kind].read(dict(raw))
    except ValidationError:
        created = datetime.fromisoformat(meta["creationTimestamp"])
        why = "it does not fit this version, and nobody works on it"
        return Waiting(created, space, reference(kind, name), why, look)
    step = nextstep.of(one, typing, now)
    if step.who != PEOPLE:
        return None
    why, unknown = _why(one, step.what) + owners.briefly(one), _is_unknown(one)
    return Waiting(_since(one), space, reference(kind, name), why, look, unknown)


def _is_unknown(one: Resource) -> bool:
    if isinstance(one, (Compensation, DeadLetter)):
        return condition(one.status.conditions, "OutcomeUnknown") is not None
    return isinstance(one, Action)


def _why(one: Resource, what: str) -> str:
    match one:
        case DeadLetter() if is_stalled(one.status.conditions):
            return f"outcome unknown: {what}"
        case DeadLetter():
            target = f" on {plain(one.spec.target)}" if one.spec.target else ""
            return f"{plain(one.spec.operation)}{target} failed: {plain(one.spec.reason)}"
        case Compensation():
            unknown = condition(one.status.conditions, "OutcomeUnknown")
            said = f"outcome unknown: {what}" if unknown is not None else what
            return f"{_undoes(one)}: {said}"
        case Action():
            return f"outcome unknown: {plain(one.spec.operation)}: {what}"
        case _:
            return what


def _undoes(one: Compensation) -> str:
    spec = one.spec
    words = plain(spec.rollback_instruction or spec.forward_fix_instruction).split("\n")[0]
    return words.rstrip(" .:") or f"{spec.direction} of {plain(spec.target_effect)}"


def _since(one: Resource) -> datetime:
    """When it came to stand where it stands; for a stalled one, when it stalled."""
    created = one.metadata.creation_timestamp
    assert created is not None  # the server sets it
    if not isinstance(one, (Compensation, DeadLetter)):
        return created
    stalled = condition(one.status.conditions, "Stalled")
    if stalled is not None:
        return stalled.last_transition_time
    history: Sequence[Transition] = one.status.history
    return history[-1].time if history else created


def drawn(
    rows: Sequence[Waiting], now: datetime, where: str, notes: Sequence[str]
) -> list[RenderableType]:
    """The rows as people read them; where: what was looked at. notes: what could not be."""
    parts: list[RenderableType] = [Text(_head(rows, where), "bold")]
    parts += [Text(note, "yellow") for note in notes]
    unknown = [row for row in rows if row.unknown]
    others = [row for row in rows if not row.unknown]
    for title, some in (("Outcome unknown", unknown), ("To be decided", others)):
        if some:
            parts += [Text(), *([Text(title, "bold")] if unknown else ()), _table(some, now)]
    if rows:
        first = (unknown or others)[0]
        parts += [Text(), render.whole(f"Begin with the oldest: {first.command}")]
    return parts


def _table(rows: Sequence[Waiting], now: datetime) -> Table:
    made = Table.grid(padding=(0, 3, 0, 0))
    made.add_column(no_wrap=True, justify="right", style="bold yellow")
    made.add_column(overflow="fold")
    for row in rows:
        title = Text.assemble((row.reference, "bold"), f" in {row.namespace}")
        made.add_row(lasting(now - row.since), title)
        made.add_row("", Text(" ".join(row.why.split())))
    return made


def _head(rows: Sequence[Waiting], where: str) -> str:
    if not rows:
        return f"Nothing waits for people {where}."
    return f"{len(rows)} {'thing waits' if len(rows) == 1 else 'things wait'} for people {where}"
