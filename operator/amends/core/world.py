"""Worlds: everything known when an object is looked at, gathered once, the time included."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from amends.api.action import Action
from amends.api.approval import Approval
from amends.api.attestation import Attestation
from amends.api.compensation import Compensation, CompensationPhase
from amends.api.dead_letter import DeadLetter
from amends.api.disposition import Disposition
from amends.api.outbox import SupersededBy
from amends.api.receipt import Receipt, Scope
from amends.core.enforcement import ENFORCED, Enforcement
from amends.core.escalation import Defaults, Delivery
from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.namespace import Floors
from amends.core.outcome import Outcome, Preview, Unseen
from amends.core.records.digest import plan_digest


@dataclass(frozen=True)
class ActionWorld:
    """What is known when an Action is looked at.

    receipts: evidence of its effect, from whomever. witnesses: who else says what the current one
    says, recorded or not, if this Action says something else. reports: other Actions about the same
    effect that are not recorded yet. letter, undo: what bears the names of the dead letter and of
    the compensation, if the effect has failed before. recovery: dead letters and compensations of
    the effect that do not yet know of its success. twins: Actions with another key that meant the
    same, the nearest before and after within the namespace's window. obstacle: why a child could
    not be created, if that was tried.
    """

    action: Action
    receipts: Sequence[Receipt]
    witnesses: Sequence[Action | DeadLetter]
    reports: Sequence[Action]
    letter: DeadLetter | None
    undo: Compensation | None
    recovery: Sequence[Key]
    twins: Sequence[Action]
    scope: Scope
    now: datetime
    obstacle: str | None = None


@dataclass(frozen=True)
class ApprovalWorld:
    """What is known when an Approval is looked at. subject: None if there is none (yet). floors:
    what the namespace demands of approvals."""

    approval: Approval
    subject: Compensation | None
    floors: Floors
    now: datetime
    enforcement: Enforcement = ENFORCED


@dataclass(frozen=True)
class Attempt:
    """What this process knows of an attempt that it makes. outcome: None while it is under way."""

    key: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class DeadLetterWorld:
    """What is known when a DeadLetter is looked at.

    action: the one that failed, None if it is gone; read only while it may be sent again or
    somebody has decided. compensation: the one that the status names, if it does. candidates: open
    ones for the same effect. dispositions: statements about it that are not settled. receipts:
    evidence of its effect, read only while a dispatch may have left some. attempt: None if this
    process makes none. objection: why no executor here can ever carry the retry out. success: news
    that the effect has succeeded after all. attestations: statements about its dispatches that are
    not settled. probe, freeze, target, hold, stray, unbegun: as of a Compensation.
    """

    letter: DeadLetter
    action: Action | None
    compensation: Compensation | None
    candidates: Sequence[Compensation]
    dispositions: Sequence[Disposition]
    receipts: Sequence[Receipt]
    attempt: Attempt | None
    objection: str | None
    success: SupersededBy | None
    scope: Scope
    holder: str
    lease: timedelta
    now: datetime
    obstacle: str | None = None
    enforcement: Enforcement = ENFORCED
    attestations: Sequence[Attestation] = ()
    probe: Attempt | None = None
    freeze: str | None = None
    unbegun: bool = False
    target: str | None = None
    hold: Hold | None = None
    stray: Attempt | None = None

    @property
    def key(self) -> Key:
        """The key of the dead letter."""
        return self.related("DeadLetter", self.letter.metadata.name)

    def related(self, kind: str, name: str) -> Key:
        """The key of another object of the same tenant."""
        return Key(kind, self.letter.metadata.namespace, name)

    @property
    def dispatches(self) -> int:
        """How often the action has been sent again so far."""
        dispatch = self.letter.status.dispatch
        return dispatch.count if dispatch is not None else 0


@dataclass(frozen=True)
class DispositionWorld:
    """What is known when a Disposition is looked at. letter: None if there is none (yet)."""

    disposition: Disposition
    letter: DeadLetterWorld | None
    now: datetime


@dataclass(frozen=True)
class AttestationWorld:
    """What is known when an Attestation is looked at. subject: None if there is none (yet)."""

    attestation: Attestation
    subject: Compensation | DeadLetterWorld | None
    now: datetime
    enforcement: Enforcement = ENFORCED


@dataclass(frozen=True)
class CompensationWorld:
    """What is known when a Compensation is looked at.

    approvals: statements about it that are not settled. unlinked: dead letters of its effect that
    name no compensation yet; named_by: those that name this one. receipt: of the current attempt,
    if it exists. attempt: None if this process makes none. objection: why no executor here can ever
    carry it out. success: news that the effect has succeeded after all. obstacle: why the receipt
    could not be created, if that was tried. holder: this process. lease: how long its claim lasts.
    chosen: whether a person has chosen it for a dead letter. floors: what the namespace demands of
    approvals. attestations: statements about its attempts that are not settled. probe: what this
    process knows of a probe that it makes, None if it makes none. freeze: why a person has stopped
    all execution here. ahead: who has to come first in an order that was asked for. target: where
    it would be sent. hold: why that takes no more just now. preview: what it would do now, where
    that can be seen and matters. unseen: why it cannot be seen now. escalation: what the namespace
    says of escalations, None: nothing. delivery: what this process knows of a notice that it
    delivers, None if it delivers none. stray: an earlier attempt that this process still makes, or
    whose answer it has, None if there is none. unbegun: whether this process is certain that
    nothing has begun under the claim in the outbox, because the answer to its writing was lost.
    """

    compensation: Compensation
    approvals: Sequence[Approval]
    unlinked: Sequence[Key]
    receipt: Receipt | None
    attempt: Attempt | None
    objection: str | None
    success: SupersededBy | None
    scope: Scope
    floors: Floors
    holder: str
    lease: timedelta
    now: datetime
    obstacle: str | None = None
    unbegun: bool = False
    named_by: Sequence[Key] = ()
    chosen: bool = False
    enforcement: Enforcement = ENFORCED
    attestations: Sequence[Attestation] = ()
    probe: Attempt | None = None
    freeze: str | None = None
    ahead: Sequence[str] = ()
    target: str | None = None
    hold: Hold | None = None
    stray: Attempt | None = None
    preview: Preview | None = None
    unseen: Unseen | None = None
    escalation: Defaults | None = None
    delivery: Delivery | None = None

    @property
    def key(self) -> Key:
        """The key of the compensation."""
        meta = self.compensation.metadata
        return Key("Compensation", meta.namespace, meta.name)

    @cached_property
    def plan_digest(self) -> str | None:
        """What an approver approves; None if the plan has no exact JSON form."""
        meta = self.compensation.metadata
        preview = self.preview or self.compensation.status.preview
        seen = preview.digest if preview is not None else None
        try:
            return plan_digest(meta.namespace, meta.name, self.compensation.spec, seen)
        except ValueError:
            return None

    @property
    def phase(self) -> CompensationPhase:
        """Where the compensation stands."""
        return self.compensation.status.phase


World = (
    ActionWorld
    | ApprovalWorld
    | AttestationWorld
    | DeadLetterWorld
    | DispositionWorld
    | CompensationWorld
)
