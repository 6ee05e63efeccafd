"""The parts that a story is told in, and how each looks on a terminal. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from amends.api import Compensation, DeadLetter, Receipt
from amends.api.wire import Transition
from amends.cli.shown import render
from amends.cli.shown.kinds import spoken
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.step import Next
from amends.cli.shown.times import at, stamp

Fact = tuple[str, str]


@dataclass(frozen=True)
class Chapter:
    """One question and its answer."""

    question: str
    answer: Sequence[RenderableType]


def line(one: DeadLetter | Compensation) -> Text:
    """One object in a line: what, where it stands."""
    line = Text(f"{spoken(type(one).__name__)} {one.metadata.name}: ")
    return line.append_text(render.styled(str(one.status.phase)))


def receipts(found: Iterable[Receipt], now: datetime) -> list[RenderableType]:
    """Evidence, a line each."""
    return [
        Text(f"{one.metadata.name}: ")
        .append_text(render.styled(str(one.spec.outcome)))
        .append(f", {at(one.spec.recorded_at, now)}")
        for one in found
    ]


def steps(steps: Iterable[Transition]) -> list[RenderableType]:
    """Transitions, oldest first."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, style="dim")
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    rows = [
        (stamp(one.time), one.to, f"{visible(one.actor)}: {plain(one.reason)}") for one in steps
    ]
    for time, to, why in rows:
        made.add_row(Text(time), render.styled(to), Text(why))
    return [made] if rows else []


def waits(step: Next) -> Iterator[RenderableType]:
    """Who must act next, and how."""
    yield Text("What is waited for", "bold")
    yield Padding(Text.assemble((step.who, "bold"), f": {step.what}"), (0, 0, 0, 2))
    if step.commands:
        yield Text()
    for what, command in step.commands:
        yield Text(f"  # {what}", "dim")
        yield render.whole(f"  {command}", "bold")


def facts(found: Iterable[Fact]) -> Table:
    """Labels and what stands behind them."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, min_width=11, style="dim")
    made.add_column(overflow="fold")
    for label, value in found:
        made.add_row(Text(label), Text(value))
    return made


def listed(words: Iterable[str]) -> Text:
    """Words in a row."""
    return Text(", ".join(words))


def digest(label: str, value: str | None) -> list[RenderableType]:
    """A digest on a line of its own: people compare it, and copy it."""
    return [Text(), Text(label, "dim"), render.whole(value)] if value is not None else []
