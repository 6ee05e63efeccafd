"""Effects: where one report stands in the evidence of its effect.

An effect may be reported more than once: by several Actions with one key, in any order, at once.
What is known of it is its current receipt (`core.records.sequence`). A report either is news, and
replaces that, or says nothing new, or comes too late to say anything about the present.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from amends.api.action import Action, ActionOutcome, ActionPhase
from amends.api.dead_letter import DeadLetter
from amends.api.receipt import EffectOutcome, Receipt
from amends.core.actions.words import FINAL, outcome_of
from amends.core.decision import Create
from amends.core.records import receipts
from amends.core.records.sequence import current, next_number
from amends.core.superseding import tells_of_success
from amends.core.world import ActionWorld

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE_SECOND = timedelta(seconds=1)
"""The API server keeps creation times in whole seconds."""


class Standing(StrEnum):
    """What a report adds to the evidence. The value is the reason of its condition Ready."""

    NEWS = "Recorded"
    REPEATED = "Repeated"
    LATE = "Late"
    OVERTAKEN = "Overtaken"
    REPORTED_BY = "ReportedBy"


@dataclass(frozen=True)
class Report:
    """A final outcome and the receipt that proves it.

    time: when the evidence was taken. create: the receipt, if it is not known to exist.
    ends_failure: the effect had failed before, and this says that it has succeeded after all.
    """

    outcome: ActionOutcome
    standing: Standing
    receipt: str
    sequence: int
    time: datetime
    create: Create | None = None
    ends_failure: bool = False


def created(action: Action) -> datetime:
    """When an Action was created, in whole seconds."""
    return action.metadata.creation_timestamp or EPOCH


def attempt_of(action: Action) -> int:
    """The attempt that an Action is about: the highest that it has named."""
    outbox = action.status.outbox
    return max(action.spec.attempt, outbox.attempt if outbox is not None else 0)


def placed(world: ActionWorld, outcome: ActionOutcome) -> Report:
    """What a final outcome adds to the evidence. The same answer again once it is added."""
    newest, known = current(world.receipts), own(world, outcome)
    if known is not None:
        return _known(world, known, Standing.NEWS if known == newest else _passed(known))
    late = newest is not None and is_late(world, newest)
    if (same := _same(world, outcome, newest, late=late)) is not None:
        return _known(world, same, Standing.REPEATED)
    sequence = next_number(world.receipts)
    replaced = None if late else newest
    create = receipts.of_action(
        world.action,
        EffectOutcome(outcome),
        world.scope,
        world.now,
        attempt=attempt_of(world.action),
        sequence=sequence,
        supersedes=replaced,
    )
    return Report(
        outcome,
        Standing.LATE if late else Standing.NEWS,
        create.name,
        sequence,
        world.now,
        create,
        ends_failure=_ends_failure(outcome, replaced),
    )


def own(world: ActionWorld, outcome: ActionOutcome) -> Receipt | None:
    """The receipt of this very report, if a pass before this one has left it."""
    uid = world.action.metadata.uid
    mine = [one for one in world.receipts if one.spec.subject.uid == uid]
    last = max(mine, key=lambda one: one.spec.sequence, default=None)
    return last if last is not None and last.spec.outcome is EffectOutcome(outcome) else None


def is_late(world: ActionWorld, newest: Receipt) -> bool:
    """Whether a report is older than what is known: by its attempt, else by when it was made.

    It is the same whichever is looked at first. One that was edited does not show how old it is.
    """
    action = world.action
    attempt = attempt_of(action)
    witnesses = [one for one in world.witnesses if isinstance(one, Action)]
    latest = max([newest.spec.attempt, *(attempt_of(one) for one in witnesses)])
    if attempt != latest:
        return attempt < latest
    return action.metadata.generation <= 1 and any(
        attempt_of(one) == attempt and created(action) < created(one) for one in witnesses
    )


def under_way(world: ActionWorld, outcome: ActionOutcome) -> str | None:
    """Who is still at work on what this report would replace.

    A failure waits until a success has been told to everybody: what it creates would be taken for
    what the success has ended. A success waits until a failure has created what it calls for.
    """
    newest = current(world.receipts)
    if newest is None or own(world, outcome) is not None:
        return None
    if newest.spec.outcome is EffectOutcome(outcome) or is_late(world, newest):
        return None
    failed = outcome is ActionOutcome.FAILED
    for one in world.witnesses:
        if one.metadata.uid == newest.spec.subject.uid and _is_busy(one, failed=failed):
            return f"{type(one).__name__} {one.metadata.name}"
    return None


def _is_busy(reporter: Action | DeadLetter, *, failed: bool) -> bool:
    if isinstance(reporter, DeadLetter):
        return failed and tells_of_success(reporter)
    return reporter.status.phase is ActionPhase.PENDING and (failed or not announces(reporter))


def announces(action: Action) -> bool:
    """Whether an Action has its receipt, and says so."""
    outbox = action.status.outbox
    return outbox is not None and outbox.receipt_ref is not None


def covers(report: Action, claim: Action) -> bool:
    """Whether the outcome that one Action reports is that of what another has claimed to send."""
    in_order = created(claim) <= created(report) or report.metadata.generation > 1
    return attempt_of(claim) <= attempt_of(report) and in_order


def claims(world: ActionWorld) -> list[Action]:
    """Actions that wait for the outcome that this one reports."""
    if outcome_of(world.action) not in FINAL:
        return []
    return [
        one for one in world.reports if outcome_of(one) not in FINAL and covers(world.action, one)
    ]


def answered(world: ActionWorld) -> Report | None:
    """The outcome of what this Action has claimed to send, if another Action has reported it."""
    if world.action.spec.idempotency_key is None:
        return None
    told = {
        one.status.outbox.receipt_ref.name
        for one in world.reports
        if one.status.outbox is not None
        and one.status.outbox.receipt_ref is not None
        and outcome_of(one) in FINAL
        and covers(one, world.action)
    }
    found = [one for one in world.receipts if one.metadata.name in told or _answers(world, one)]
    answer = current(found)
    return _known(world, answer, Standing.REPORTED_BY) if answer is not None else None


def _answers(world: ActionWorld, receipt: Receipt) -> bool:
    """Whether it was taken after the claim; its reporter has ended without telling the claim."""
    subject, action = receipt.spec.subject, world.action
    at_work = {one.metadata.uid for one in world.reports} | {action.metadata.uid}
    return (
        subject.kind == "Action"
        and subject.uid not in at_work
        and receipt.spec.attempt >= attempt_of(action)
        and receipt.spec.recorded_at >= created(action) + WHOLE_SECOND
    )


def _same(
    world: ActionWorld, outcome: ActionOutcome, newest: Receipt | None, *, late: bool
) -> Receipt | None:
    """A receipt of another report that says the same. Without a key every report is its own."""
    if world.action.spec.idempotency_key is None or newest is None:
        return None
    if newest.spec.outcome is EffectOutcome(outcome):
        return newest
    attempt = attempt_of(world.action)
    alike = (
        one
        for one in world.receipts
        if one.spec.attempt == attempt and one.spec.outcome is EffectOutcome(outcome)
    )
    return next(alike, None) if late else None


def _passed(receipt: Receipt) -> Standing:
    first = receipt.spec.supersedes is None and receipt.spec.sequence > 1
    return Standing.LATE if first else Standing.OVERTAKEN


def _known(world: ActionWorld, receipt: Receipt, standing: Standing) -> Report:
    spec = receipt.spec
    outcome = ActionOutcome(spec.outcome)
    named = spec.supersedes.name if spec.supersedes is not None else None
    replaced = next((one for one in world.receipts if one.metadata.name == named), None)
    return Report(
        outcome,
        standing,
        receipt.metadata.name,
        spec.sequence,
        spec.recorded_at,
        ends_failure=standing is Standing.NEWS and _ends_failure(outcome, replaced),
    )


def _ends_failure(outcome: ActionOutcome, replaced: Receipt | None) -> bool:
    failed = replaced is not None and replaced.spec.outcome is EffectOutcome.FAILED
    return failed and outcome is ActionOutcome.SUCCEEDED
