"""Action: what came of it, and what must exist because of that. The questions, in order."""

from collections.abc import Sequence
from datetime import timedelta

from amends.api.action import Action, ActionOutcome, ActionPhase, ActionStatus, Effect
from amends.api.dead_letter import DeadLetter
from amends.api.wire import LocalRef
from amends.core.actions import duplicates, effects, failures, presend
from amends.core.actions.effects import Report, Standing
from amends.core.actions.words import FINAL, outcome_of
from amends.core.conditions import Observed, conditions, not_ready, ready, reconciling, stalled
from amends.core.decision import NOTHING, Create, Decision, Tell, Wake
from amends.core.key import Key
from amends.core.records import identity
from amends.core.world import ActionWorld

LOOK_FOR_THE_NAME = timedelta(seconds=30)
"""How often it is tried whether a name that was taken has become free."""
TELLING = timedelta(seconds=1)
"""How long others may take to hear of it before they are told again."""


def decide(world: ActionWorld) -> Decision:
    """One step. Every question answers with a Decision, or None: not mine, ask the next."""
    for question in QUESTIONS:
        if (decision := question(world)) is not None:
            return decision
    return NOTHING


def is_it_recorded(world: ActionWorld) -> Decision | None:
    """Its outcome is for ever; only a possible duplicate may still turn up."""
    if world.action.status.phase is not ActionPhase.RECORDED:
        return None
    return duplicates.flagged(world) or NOTHING


def has_another_reported_it(world: ActionWorld) -> Decision | None:
    """It was about to be sent, and another Action of the same key says what came of it."""
    if outcome_of(world.action) in FINAL:
        return None
    report = effects.answered(world)
    return _concluded(world, report) if report is not None else None


def is_it_final(world: ActionWorld) -> Decision | None:
    """Until it is, nothing exists because of it, and nothing that exists moves."""
    outcome = outcome_of(world.action)
    if outcome in FINAL:
        return None
    why = not_ready(str(outcome), f"outcome {presend.said(world.action)!r} is not final")
    return Decision(
        status=_status(world, outcome, [why]),
        effects=(*duplicates.told(world), *(Wake(key) for key in duplicates.unaware(world))),
    )


def is_its_name_taken(world: ActionWorld) -> Decision | None:
    """A child could not be created, because something else bears its name."""
    if world.obstacle is None:
        return None
    action, outcome = world.action, outcome_of(world.action)
    proof = effects.own(world, outcome)
    fresh = all(one.message != world.obstacle for one in action.status.conditions)
    told = Tell(_key(action), "NameTaken", world.obstacle, "Warning")
    return Decision(
        status=_status(
            world,
            outcome,
            stalled("NameTaken", world.obstacle),
            effects.placed(world, outcome) if proof is not None else None,
        ),
        effects=((told,) if fresh else ()) + duplicates.told(world),
        look_again=LOOK_FOR_THE_NAME,
    )


def is_another_at_work(world: ActionWorld) -> Decision | None:
    """What this would replace is not complete yet: one after the other."""
    outcome = outcome_of(world.action)
    if (who := effects.under_way(world, outcome)) is None:
        return None
    waits = reconciling("WaitingItsTurn", f"waits until {who} has told everybody of its outcome")
    return Decision(
        status=_status(world, outcome, waits),
        effects=duplicates.told(world),
        look_again=TELLING,
    )


def what_follows(world: ActionWorld) -> Decision | None:
    """First everything that must exist because of the outcome, then the status."""
    report = effects.placed(world, outcome_of(world.action))
    failed = report.outcome is ActionOutcome.FAILED
    held_by_nobody = report.standing is Standing.REPEATED and failures.is_held_by_nobody(world)
    calls_for_recovery = failed and (report.standing is Standing.NEWS or held_by_nobody)
    return _concluded(world, report, failures.recovery(world, report) if calls_for_recovery else ())


QUESTIONS = (
    is_it_recorded,
    has_another_reported_it,
    is_it_final,
    is_its_name_taken,
    is_another_at_work,
    what_follows,
)


def _concluded(world: ActionWorld, report: Report, recovery: Sequence[Create] = ()) -> Decision:
    """Recorded, for ever; but before that, everybody who has to know of it knows.

    Recorded, an Action leaves the watch: who asks later does not find it any more.
    """
    children = (*((report.create,) if report.create is not None else ()), *recovery)
    if unaware := _unaware(world, report):
        names = ", ".join(f"{key.kind} {key.name}" for key in unaware)
        tells = reconciling("Telling", f"receipt {report.receipt}; waits until told: {names}")
        return Decision(
            children=children,
            status=_status(world, report.outcome, tells, report),
            effects=(*duplicates.told(world), *(Wake(key) for key in unaware)),
            look_again=TELLING,
        )
    message = _message(report, recovery)
    status = _status(world, report.outcome, [ready(str(report.standing), message)], report)
    return Decision(
        children=children,
        status=status.model_copy(
            update={
                "phase": ActionPhase.RECORDED,
                "receipt_ref": LocalRef(name=report.receipt),
                **_recovery_refs(world, report, recovery),
            }
        ),
        effects=(
            Tell(_key(world.action), str(report.standing), message),
            *duplicates.told(world),
            *(Wake(_key(one)) for one in world.reports),
        ),
    )


def _unaware(world: ActionWorld, report: Report) -> list[Key]:
    """Who has to know before this is Recorded: what a success has ended, claims, duplicates."""
    return [
        *(world.recovery if report.ends_failure else ()),
        *(_key(one) for one in effects.claims(world)),
        *duplicates.unaware(world),
    ]


def _recovery_refs(
    world: ActionWorld, report: Report, recovery: Sequence[Create]
) -> dict[str, LocalRef | None]:
    names = {child.kind: LocalRef(name=child.name) for child in recovery}
    letter, again = names.get("DeadLetter"), names.get("Compensation")
    known = world.letter
    repeated = report.standing is Standing.REPEATED and report.outcome is ActionOutcome.FAILED
    if repeated and known is not None and known.status.superseded_by is None:
        letter, again = LocalRef(name=known.metadata.name), known.status.compensation_ref
    overtaken = report.standing is Standing.OVERTAKEN and report.outcome is ActionOutcome.FAILED
    if overtaken and known is not None and _is_of(known, world.action):
        # It was sent again before this was written: its dead letter is there all the same.
        letter, again = LocalRef(name=known.metadata.name), known.status.compensation_ref
    return {"dead_letter_ref": letter, "compensation_ref": again}


def _is_of(letter: DeadLetter, action: Action) -> bool:
    return letter.spec.action_ref.uid == action.metadata.uid


def _message(report: Report, recovery: Sequence[Create]) -> str:
    names = [f"Receipt {report.receipt}", *(f"{one.kind} {one.name}" for one in recovery)]
    found = f"{report.outcome}: {', '.join(names)}"
    match report.standing:
        case Standing.NEWS:
            return found
        case Standing.REPEATED:
            return f"{found}, which says the same already"
        case Standing.LATE:
            return f"{found}, kept as evidence: a later report of this effect was there first"
        case Standing.OVERTAKEN:
            return f"{found}, kept as evidence: a later report of this effect has replaced it"
        case Standing.REPORTED_BY:
            return f"{found}, reported by another Action of the same idempotencyKey"


def _status(
    world: ActionWorld,
    outcome: ActionOutcome,
    found: Sequence[Observed],
    report: Report | None = None,
) -> ActionStatus:
    """Pending, with what is known. Success after failure is announced by its receipt."""
    action, generation = world.action, world.action.metadata.generation
    announced = LocalRef(name=report.receipt) if report and report.ends_failure else None
    return ActionStatus(
        phase=ActionPhase.PENDING,
        observed_generation=generation,
        run_id=identity.run_id(action.spec),
        outbox=presend.entry(world, outcome, report),
        effect=Effect(id=identity.effect_id(action), outcome=outcome),
        receipt_ref=announced,
        intent_digest=duplicates.intent(action),
        conditions=conditions(
            [*found, *duplicates.observed(world)],
            action.status.conditions,
            generation,
            world.now,
        ),
    )


def _key(action: Action) -> Key:
    return Key("Action", action.metadata.namespace, action.metadata.name)
