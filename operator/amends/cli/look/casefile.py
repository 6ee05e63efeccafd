"""Everything about some effects: what was attempted, failed, was decided, undone and proved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from amends.api import (
    Action,
    Approval,
    Attestation,
    Compensation,
    DeadLetter,
    Disposition,
    Receipt,
    Resource,
)
from amends.cli.asked.related import readable
from amends.cli.asked.session import Session
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.kinds import BY_NAME, dashed, reference
from amends.core.namespace import Floors
from amends.core.records.identity import effect_id
from amends.ports import Raw


@dataclass
class CaseFile:
    """Objects by kind, each once. unreadable: what is there but does not fit this version.
    forbidden: kinds that the user may not list. floors: what the namespace demands of approvals,
    None if that cannot be seen."""

    namespace: str
    actions: list[Action] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    dispositions: list[Disposition] = field(default_factory=list)
    compensations: list[Compensation] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    floors: Floors | None = None
    attestations: list[Attestation] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.actions or self.letters or self.compensations or self.unreadable)

    def receipts_of(self, kind: str, name: str) -> list[Receipt]:
        """Evidence about one object."""
        found = [one for one in self.receipts if one.spec.subject.kind == kind]
        return [one for one in found if one.spec.subject.name == name]

    def attested_of(self, kind: str, name: str) -> list[Attestation]:
        """What people have stated about the attempts of one object."""
        found = [one for one in self.attestations if one.spec.subject_ref.kind == kind]
        return [one for one in found if one.spec.subject_ref.name == name]

    def effect(self, effect: str) -> "CaseFile":
        """The part of it that is about one effect."""
        letters = [one for one in self.letters if one.spec.effect_id == effect]
        undone = [one for one in self.compensations if one.spec.target_effect == effect]
        subjects = {one.metadata.name for one in undone}
        named = {one.metadata.name for one in letters}
        return CaseFile(
            self.namespace,
            [one for one in self.actions if effect_id(one) == effect],
            letters,
            [one for one in self.dispositions if one.spec.dead_letter_ref.name in named],
            undone,
            [one for one in self.approvals if one.spec.subject_ref.name in subjects],
            self.receipts,
            attestations=self.attestations,
        )


def of_effect(session: Session, namespace: str, effect: str) -> CaseFile:
    """What there is about one effect."""
    return _gathered(
        session,
        namespace,
        {
            "Action": {"status.effect.id": effect},
            "DeadLetter": {"spec.effectId": effect},
            "Compensation": {"spec.targetEffect": effect},
            "Receipt": {"spec.effectId": effect},
        },
    )


def of_run(session: Session, namespace: str, run: str) -> CaseFile:
    """What there is about one run."""
    return _gathered(
        session,
        namespace,
        {
            "Action": {"status.runId": run},
            "DeadLetter": {"spec.runId": run},
            "Compensation": {"spec.runId": run},
            "Receipt": {"spec.runId": run},
        },
    )


def _gathered(
    session: Session, namespace: str, wanted: Mapping[str, Mapping[str, str]]
) -> CaseFile:
    case = CaseFile(namespace)

    def look(kind: str, fields: Mapping[str, str]) -> None:
        try:
            _file(case, session.find(kind, fields, namespace))
        except Failure as failure:
            if failure.code is not Exit.FORBIDDEN:
                raise
            if dashed(kind) not in case.forbidden:
                case.forbidden.append(dashed(kind))

    for kind, fields in wanted.items():
        look(kind, fields)
    for one in case.compensations:
        look("Approval", {"spec.subjectRef.name": one.metadata.name})
        look("Attestation", {"spec.subjectRef.name": one.metadata.name})
        look("Receipt", {"spec.subject.name": one.metadata.name})
    for letter in case.letters:
        look("Disposition", {"spec.deadLetterRef.name": letter.metadata.name})
        look("Attestation", {"spec.subjectRef.name": letter.metadata.name})
    return case


def _file(case: CaseFile, found: Iterable[Raw]) -> None:
    shelves: Mapping[str, list[Any]] = {
        "Action": case.actions,
        "DeadLetter": case.letters,
        "Disposition": case.dispositions,
        "Compensation": case.compensations,
        "Approval": case.approvals,
        "Attestation": case.attestations,
        "Receipt": case.receipts,
    }
    for raw in found:
        kind, name = raw["kind"], raw["metadata"]["name"]
        shelf = shelves[kind]
        if any(one.metadata.name == name for one in shelf):
            continue
        one = readable(BY_NAME[kind], raw, name)
        if one is None:
            case.unreadable.append(reference(kind, name))
        else:
            shelf.append(one)
            shelf.sort(key=_age)


def _age(one: Resource) -> tuple[datetime, str]:
    created = one.metadata.creation_timestamp
    assert created is not None  # the server sets it
    return created, one.metadata.name
