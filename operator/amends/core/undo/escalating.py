"""Escalating: an undo that needs a person has an owner and a deadline; then others are told.

It needs a person while it is Stalled, or while somebody should have attested. Each such stand
escalates once. What is said of it is written down before it is sent, and sent until the receiver
acknowledges it, it is given up, or the stand has ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from amends.api.compensation import Compensation, CompensationStatus
from amends.api.escalation import Escalation, Notice
from amends.api.wire import ConditionStatus, rfc3339
from amends.core.conditions import TRUE, Observed, conditions
from amends.core.decision import Decision, Deliver, Effect, Tell, Withdraw
from amends.core.escalation import DEFAULT_AFTER, Delivered, NotDelivered, event_of
from amends.core.machines import COMPENSATION
from amends.core.namespace import WEBHOOK_SECRET
from amends.core.records.digest import short
from amends.core.records.redaction import redact_text
from amends.core.world import CompensationWorld

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
GIVEN_UP_AFTER = timedelta(hours=24)
"""After its escalation a notice is not sent any more."""

NEEDS_A_PERSON = ("Stalled", "AttestationOverdue")
"""Conditions, on their way out, of which only a person can make an end."""


@dataclass(frozen=True)
class _Terms:
    owner: str | None
    after: timedelta


def escalating(world: CompensationWorld, decision: Decision) -> Decision:
    """The same decision, with what becomes of the escalation, and a look when something is due."""
    before, terms = world.compensation.status.escalation, _terms(world)
    if decision.remove or (before is None and terms is None):
        return decision
    if world.phase in COMPENSATION.terminal:
        over = (Withdraw(),) if world.delivery is not None else ()
        return replace(decision, effects=(*decision.effects, *over))
    decided = decision.status
    assert decided is None or isinstance(decided, CompensationStatus)
    after = _stand(world, decided, before, terms)
    effects: list[Effect] = []
    if after is not None and after.stands:
        after = _escalated(world, after, effects)
        status = world.compensation.status if decided is None else decided
        as_written = world.compensation.model_copy(update={"status": status})
        after = _noticed(world, as_written, after, effects)
    elif world.delivery is not None:
        effects.append(Withdraw())
    return replace(
        decision,
        status=_status(world, decided, after),
        effects=(*decision.effects, *effects),
        look_again=_sooner(decision.look_again, _due(world, after)),
    )


def _terms(world: CompensationWorld) -> _Terms | None:
    """What the plan says, over what its namespace says; None: neither says anything."""
    policy, defaults = world.compensation.spec.escalation, world.escalation
    if policy is None and defaults is None:
        return None
    owner = policy.owner if policy is not None else None
    seconds = policy.after_seconds if policy is not None else None
    after = timedelta(seconds=seconds) if seconds is not None else None
    if defaults is not None:
        owner, after = owner or defaults.owner, defaults.after if after is None else after
    return _Terms(owner, DEFAULT_AFTER if after is None else after)


def _stand(
    world: CompensationWorld,
    decided: CompensationStatus | None,
    before: Escalation | None,
    terms: _Terms | None,
) -> Escalation | None:
    """Whether a person is needed, and since when. A decision without a status changes neither."""
    if decided is None:
        return before
    need = _need(decided)
    since = before.since if before is not None and before.stands else None
    same = before is not None and need is not None and need[0] == before.reason
    if before is not None and since is not None and same:
        return _goes_on(before, since, terms)
    if need is not None and terms is not None:
        reason, message = need
        return Escalation(
            owner=terms.owner,
            reason=reason,
            message=message[:1024],
            since=world.now,
            deadline=world.now + terms.after,
        )
    if before is not None and before.escalated_at is not None:
        return before.model_copy(update={"ended_at": before.ended_at or world.now})
    return Escalation(owner=terms.owner) if terms is not None and terms.owner else None


def _goes_on(before: Escalation, since: datetime, terms: _Terms | None) -> Escalation | None:
    """The same stand. Terms may have changed: the deadline moves until it has escalated."""
    escalated = before.escalated_at is not None
    if terms is None:
        return before if escalated else None
    deadline = before.deadline if escalated else since + terms.after
    return before.model_copy(update={"owner": terms.owner, "deadline": deadline})


def _need(status: CompensationStatus) -> tuple[str, str] | None:
    """Why a person is needed, if so: from the conditions that this decision is about to write."""
    needed = (
        (one.reason, one.message)
        for kind in NEEDS_A_PERSON
        for one in status.conditions
        if one.type == kind and one.status is ConditionStatus.TRUE
    )
    return next(needed, None)


def _escalated(
    world: CompensationWorld, escalation: Escalation, effects: list[Effect]
) -> Escalation:
    """Past the deadline: escalated once, and a notice for the receiver, if there is one."""
    deadline = escalation.deadline
    if escalation.escalated_at is None:
        if deadline is None or world.now < deadline:
            return escalation
        escalation = escalation.model_copy(update={"escalated_at": world.now})
        effects.append(Tell(world.key, "Escalated", _words(escalation), "Warning"))
    if escalation.notice is None and _receiver(world) is not None:
        name = short(world.compensation.metadata.uid, str(escalation.since), "escalation")
        notice = Notice(id=f"escalation-{name}", next_at=world.now)
        escalation = escalation.model_copy(update={"notice": notice})
    return escalation


def _noticed(
    world: CompensationWorld,
    as_written: Compensation,
    escalation: Escalation,
    effects: list[Effect],
) -> Escalation:
    """Take in what a delivery came to; begin one that is due."""
    notice, delivery = escalation.notice, world.delivery
    if delivery is not None and (notice is None or not _is_of(notice, world)):
        effects.append(Withdraw())
        return escalation
    if notice is None or notice.next_at is None:
        return escalation
    if delivery is not None:
        if delivery.came_to is None:
            return escalation
        effects.append(Withdraw())
        judged = _judged(world, escalation, notice, delivery.came_to, effects)
        return escalation.model_copy(update={"notice": judged})
    receiver = _receiver(world)
    if receiver is not None and notice.next_at <= world.now:
        event = event_of(as_written, escalation)
        effects.append(Deliver(notice.id, notice.attempts + 1, receiver, event))
    return escalation


def _is_of(notice: Notice, world: CompensationWorld) -> bool:
    delivery = world.delivery
    return delivery is not None and (delivery.id, delivery.number) == (
        notice.id,
        notice.attempts + 1,
    )


def _judged(
    world: CompensationWorld,
    escalation: Escalation,
    notice: Notice,
    came_to: Delivered | NotDelivered,
    effects: list[Effect],
) -> Notice:
    sent: dict[str, Any] = {"attempts": notice.attempts + 1, "next_at": None, "last_error": None}
    if isinstance(came_to, Delivered):
        return notice.model_copy(update={**sent, "delivered_at": world.now})
    why = redact_text(came_to.why)[:4096]
    if world.now - (escalation.escalated_at or world.now) >= GIVEN_UP_AFTER:
        effects.append(Tell(world.key, "NoticeUndelivered", f"given up: {why}", "Warning"))
        return notice.model_copy(update={**sent, "last_error": why, "given_up_at": world.now})
    pause = min(FIRST_PAUSE * 2 ** min(notice.attempts, 16), LONGEST_PAUSE)
    return notice.model_copy(update={**sent, "last_error": why, "next_at": world.now + pause})


def _receiver(world: CompensationWorld) -> str | None:
    return world.escalation.receiver if world.escalation is not None else None


def _due(world: CompensationWorld, escalation: Escalation | None) -> timedelta | None:
    """When to decide anew: at the deadline, or when the notice is to be sent again."""
    if escalation is None or not escalation.stands:
        return None
    if escalation.escalated_at is None:
        return escalation.deadline - world.now if escalation.deadline is not None else None
    notice = escalation.notice
    if notice is None or notice.next_at is None or _receiver(world) is None:
        return None
    left = notice.next_at - world.now
    return left if left > timedelta(0) else None  # under way: its end wakes it


def _sooner(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


def _status(
    world: CompensationWorld, decided: CompensationStatus | None, escalation: Escalation | None
) -> CompensationStatus | None:
    """The status with the escalation and its condition; None where nothing of it changes."""
    stored = world.compensation.status
    if decided is None and escalation == stored.escalation:
        return None
    status = stored if decided is None else decided
    rest = [one for one in status.conditions if one.type != "Escalated"]
    generation = world.compensation.metadata.generation
    said = conditions(_observed(world, escalation), stored.conditions, generation, world.now)
    return status.model_copy(update={"escalation": escalation, "conditions": [*rest, *said]})


def _observed(world: CompensationWorld, escalation: Escalation | None) -> Iterator[Observed]:
    if escalation is None or not escalation.stands or escalation.escalated_at is None:
        return
    reason, known = _of_the_notice(escalation.notice, _receiver(world))
    yield Observed("Escalated", TRUE, reason, f"{_words(escalation)}; {known}"[:4096])


def _words(escalation: Escalation) -> str:
    assert escalation.since is not None
    assert escalation.deadline is not None
    return (
        f"{escalation.owner or 'nobody by name'} owns it, and it has needed a person since "
        f"{rfc3339(escalation.since)} (deadline {rfc3339(escalation.deadline)}): "
        f"{escalation.reason}, {escalation.message}"
    )[:3072]


def _of_the_notice(notice: Notice | None, receiver: str | None) -> tuple[str, str]:
    """How far the notice is, in one word and for people."""
    if notice is not None and notice.delivered_at is not None:
        return "Notified", f"the receiver acknowledged it at {rfc3339(notice.delivered_at)}"
    if notice is not None and notice.given_up_at is not None:
        vain = f"the receiver was told {notice.attempts} times in vain, and is told no more"
        return "NoticeUndelivered", f"{vain}: {notice.last_error}"
    if notice is None or receiver is None:
        fix = f"annotate the namespace with {WEBHOOK_SECRET}, the name of a Secret"
        return "NoReceiver", f"nobody is told: {fix} with url and secret"
    if notice.last_error is None:
        return "Notifying", "the receiver is being told"
    vain = f"the receiver was told {notice.attempts} times in vain, and is told again"
    return "NoticeFailing", f"{vain}: {notice.last_error}"
