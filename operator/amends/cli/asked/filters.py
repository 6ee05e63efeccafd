"""What `list` is asked for, as a field selector: the server filters, before any limit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import typer

from amends.api.action import ActionOutcome, ActionPhase
from amends.api.compensation import CompensationPhase
from amends.api.dead_letter import DeadLetterPhase
from amends.api.receipt import ReceiptSource
from amends.cli.shown.kinds import dashed
from amends.kube.paths import escaped

EVERYTHING = "all"

T = TypeVar("T")

RUN: Mapping[str, str] = {
    "Action": "status.runId",
    "Receipt": "spec.runId",
    "DeadLetter": "spec.runId",
    "Compensation": "spec.runId",
}
PHASES: Mapping[str, Mapping[str, type[StrEnum]]] = {
    # "Pending" is a phase as well as an outcome of an Action; it means the same.
    "Action": {"status.phase": ActionPhase, "status.effect.outcome": ActionOutcome},
    "Compensation": {"status.phase": CompensationPhase},
    "DeadLetter": {"status.phase": DeadLetterPhase},
}
SOURCE: Mapping[str, str] = {"Receipt": "spec.source", "DeadLetter": "spec.source"}
ACTIVE: Mapping[str, tuple[str, ...]] = {
    "DeadLetter": ("status.supersededBy.effectId=",),
    "Compensation": (
        "status.supersededBy.effectId=",
        *(
            f"status.phase!={one}"
            for one in (CompensationPhase.COMPLETED, CompensationPhase.CANCELLED)
        ),
    ),
}
"""Recovery that somebody may still need. Only what the operator wrote counts, no label."""


@dataclass(frozen=True)
class Filters:
    """What was typed."""

    run: str | None = None
    phase: str = EVERYTHING
    source: str | None = None
    active: bool = False

    def selector(self, kind: str) -> str:
        """The field selector.

        Raises:
            typer.BadParameter: this kind has no such field, or no such phase.
        """
        return ",".join(self._clauses(kind))

    def __str__(self) -> str:
        return " ".join(self._words())

    def _clauses(self, kind: str) -> Iterator[str]:
        if self.run is not None:
            yield f"{_only(kind, '--run', RUN)}={escaped(self.run)}"
        if _folded(self.phase) != EVERYTHING:
            yield _phase(kind, self.phase)
        if self.source is not None:
            yield from _source(kind, self.source)
        if self.active:
            yield from _only(kind, "--active", ACTIVE)

    def _words(self) -> Iterator[str]:
        if self.run is not None:
            yield f"of run {self.run}"
        if _folded(self.phase) != EVERYTHING:
            yield f"in phase {self.phase}"
        if self.source is not None:
            yield f"from {self.source}"
        if self.active:
            yield "that are active"


def phases() -> list[str]:
    """Every word that --phase takes."""
    words = {
        str(one): None for fields in PHASES.values() for enum in fields.values() for one in enum
    }
    return [EVERYTHING, *words]


def _phase(kind: str, wanted: str) -> str:
    known: dict[str, str] = {}
    for field, enum in _only(kind, "--phase", PHASES).items():
        for one in enum:
            known.setdefault(str(one), field)
    for phase, field in known.items():
        if _folded(phase) == _folded(wanted):
            return f"{field}={phase}"
    raise typer.BadParameter(
        f"--phase {wanted}: {dashed(kind)} have none of that name; "
        f"there are {_listed([EVERYTHING, *known])}"
    )


def _source(kind: str, wanted: str) -> Iterator[str]:
    if kind == "Action":
        who, slash, which = wanted.partition("/")
        if who:
            yield f"spec.source.kind={escaped(who)}"
        if slash:
            yield f"spec.source.id={escaped(which)}"
        return
    field = _only(kind, "--source", {"Action": "", **SOURCE})
    sources = [str(one) for one in ReceiptSource]
    known = {_folded(one): one for one in sources}.get(_folded(wanted))
    if known is None:
        raise typer.BadParameter(f"--source {wanted}: there are {_listed(sources)}")
    yield f"{field}={known}"


def _only(kind: str, option: str, having: Mapping[str, T]) -> T:
    if kind not in having:
        raise typer.BadParameter(
            f"{option} says nothing about {dashed(kind)}: leave it out, or list "
            f"{_listed([dashed(one) for one in having])}"
        )
    return having[kind]


def _folded(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
