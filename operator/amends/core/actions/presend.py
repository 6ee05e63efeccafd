"""The outbox entry of an Action: what was on record before it was sent, and after."""

from dataclasses import dataclass
from datetime import datetime

from amends.api.action import Action, ActionOutcome
from amends.api.outbox import Observation, Outbox, OutboxPhase
from amends.api.wire import LocalRef
from amends.core.actions.effects import Report, Standing, attempt_of, claims, created
from amends.core.actions.words import classify, outcome_of
from amends.core.records import identity
from amends.core.records.digest import digest
from amends.core.records.receipts import exact
from amends.core.records.redaction import redact_text
from amends.core.world import ActionWorld

PHASE = {
    ActionOutcome.SUCCEEDED: OutboxPhase.SENT,
    ActionOutcome.FAILED: OutboxPhase.FAILED,
    ActionOutcome.PENDING: OutboxPhase.PENDING,
    ActionOutcome.UNKNOWN: OutboxPhase.PENDING,
}
TOKEN_LIMIT = 256


@dataclass(frozen=True)
class Claim:
    """Somebody put on record that something was about to be sent."""

    created_at: datetime
    by: str | None
    at: datetime
    before: Observation


def entry(world: ActionWorld, outcome: ActionOutcome, report: Report | None = None) -> Outbox:
    """The entry as it is to be written; report: once there is evidence.

    What an earlier claim has put on record stays, whoever made it: when, by whom, what was to be
    sent, and the highest attempt.
    """
    action, spec = world.action, world.action.spec
    waiting = claims(world)
    found = [_claim(one, world.now) for one in (action, *waiting)]
    claim = min((one for one in found if one), key=lambda one: one.created_at, default=None)
    to_send = claim.before.payload_digest if claim is not None else None
    return Outbox(
        id=identity.outbox_id(action),
        operation=spec.operation,
        created_at=claim.created_at if claim is not None else None,
        phase=PHASE[outcome],
        attempt=max(attempt_of(one) for one in (action, *waiting)),
        idempotency_key=spec.idempotency_key,
        payload_digest=to_send or digest(exact(spec.input)),
        claimed_by=claim.by if claim is not None else None,
        claimed_at=claim.at if claim is not None else None,
        before=claim.before if claim is not None else None,
        after=_after(world, report) if report is not None and claim is not None else None,
        effect_id=identity.effect_id(action),
        receipt_ref=LocalRef(name=report.receipt) if report is not None else None,
        sent_at=_sent_at(action, outcome, report) if report is not None else None,
    )


def said(action: Action) -> str:
    """The outcome text, for people; a secret that stands in it is none of theirs."""
    return redact_text(action.spec.outcome)[:TOKEN_LIMIT]


def _claim(action: Action, now: datetime) -> Claim | None:
    outbox = action.status.outbox
    if outbox is not None and outbox.before is not None:
        at = outbox.claimed_at or outbox.before.time
        return Claim(outbox.created_at or at, outbox.claimed_by, at, outbox.before)
    if outcome_of(action) is not ActionOutcome.PENDING:
        return None
    to_send = digest(exact(action.spec.input))
    before = Observation(time=now, outcome=said(action), payload_digest=to_send)
    return Claim(created(action), _claimant(action), now, before)


def _claimant(action: Action) -> str | None:
    source, requester = action.spec.source, action.spec.requester
    if source is not None:
        return source.id
    return requester.username[:TOKEN_LIMIT] if requester is not None else None


def _after(world: ActionWorld, report: Report) -> Observation:
    """What was seen once the outcome was final; it stays, while the outcome does."""
    if report.standing is Standing.REPORTED_BY:
        return Observation(time=report.time, outcome=str(report.outcome))
    action = world.action
    means_it = classify(action.spec.outcome, None) is report.outcome  # an error may say otherwise
    outcome = said(action) if means_it else str(report.outcome)
    stored = action.status.outbox.after if action.status.outbox is not None else None
    if stored is not None and stored.outcome == outcome:
        return stored
    return Observation(
        time=world.now, outcome=outcome, payload_digest=digest(exact(action.spec.receipt))
    )


def _sent_at(action: Action, outcome: ActionOutcome, report: Report) -> datetime | None:
    if outcome is not ActionOutcome.SUCCEEDED:
        return None
    stored = action.status.outbox.sent_at if action.status.outbox is not None else None
    return stored or report.time
