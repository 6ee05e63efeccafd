"""Worlds: everything known when an object is looked at, gathered once, the time included."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from amends.api.action import Action
from amends.api.approval import Approval
from amends.api.compensation import Compensation, CompensationPhase
from amends.api.dead_letter import DeadLetter
from amends.api.receipt import Receipt, Scope
from amends.core.digest import plan_digest
from amends.core.key import Key
from amends.core.outcome import Outcome


@dataclass(frozen=True)
class ActionWorld:
    """What is known when an Action is looked at.

    obstacle: why a child could not be created, if that was tried.
    """

    action: Action
    scope: Scope
    now: datetime
    obstacle: str | None = None


@dataclass(frozen=True)
class ApprovalWorld:
    """What is known when an Approval is looked at. subject: None if there is none (yet)."""

    approval: Approval
    subject: Compensation | None
    now: datetime


@dataclass(frozen=True)
class DeadLetterWorld:
    """What is known when a DeadLetter is looked at.

    compensation: the one its status names, if it does. candidates: those for the same effect.
    """

    dead_letter: DeadLetter
    compensation: Compensation | None
    candidates: Sequence[Compensation]
    now: datetime


@dataclass(frozen=True)
class Attempt:
    """What this process knows of an attempt that it makes. outcome: None while it is under way."""

    key: str
    outcome: Outcome | None = None


@dataclass(frozen=True)
class CompensationWorld:
    """What is known when a Compensation is looked at.

    approvals: statements about it that are not settled. followers: open objects that wait for what
    becomes of it. unlinked: dead letters of its effect that name no compensation yet. receipt: of
    the current attempt, if it exists. attempt: None if this process
    makes none. objection: why no executor here can ever carry it out. obstacle: why the receipt
    could not be created, if that was tried. holder: this process. lease: how long its claim lasts.
    """

    compensation: Compensation
    approvals: Sequence[Approval]
    followers: Sequence[Key]
    unlinked: Sequence[Key]
    receipt: Receipt | None
    attempt: Attempt | None
    objection: str | None
    scope: Scope
    holder: str
    lease: timedelta
    now: datetime
    obstacle: str | None = None

    @property
    def key(self) -> Key:
        """The key of the compensation."""
        meta = self.compensation.metadata
        return Key("Compensation", meta.namespace, meta.name)

    @cached_property
    def plan_digest(self) -> str | None:
        """What an approver approves; None if the plan has no exact JSON form."""
        meta = self.compensation.metadata
        try:
            return plan_digest(meta.namespace, meta.name, self.compensation.spec)
        except ValueError:
            return None

    @property
    def phase(self) -> CompensationPhase:
        """Where the compensation stands."""
        return self.compensation.status.phase


World = ActionWorld | ApprovalWorld | DeadLetterWorld | CompensationWorld
