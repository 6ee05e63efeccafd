"""An object as a story: chapters of facts, in the order in which it happened. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

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
from amends.api.compensation import CompensationPhase as C
from amends.api.wire import LocalRef
from amends.cli.look import accounts, chapters, owners, witnesses
from amends.cli.look.casefile import CaseFile
from amends.cli.look.chapters import Chapter, Fact
from amends.cli.shown import demands, nextstep, preview, render, screens
from amends.cli.shown.kinds import spoken
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.step import NOBODY, Next, Typing, condition
from amends.cli.shown.times import at


def told(one: Resource, case: CaseFile, typing: Typing, now: datetime) -> list[RenderableType]:
    """The whole story of one object; case: what there is about the same effect."""
    answered = [chapter for chapter in _chapters(one, case, now) if chapter.answer]
    parts: list[RenderableType] = [_title(one)]
    for chapter in answered:
        body = [Padding(part, (0, 0, 0, 2)) for part in chapter.answer]
        parts += [Text(), Text(chapter.question, "bold"), *body]
    parts += [Text(), *chapters.waits(_next(one, case, typing, now))]
    return parts


def _next(one: Resource, case: CaseFile, typing: Typing, now: datetime) -> Next:
    """What is waited for in the end: of what has failed, what its undo waits for."""
    last = _behind(one, case)
    step = nextstep.of(last, typing, now, case.floors)
    if last is one or step.who == NOBODY:
        return nextstep.of(one, typing, now, case.floors)
    called = f"{spoken(type(last).__name__)} {last.metadata.name}"
    return replace(step, what=f"{called}: {step.what}")


def _behind(one: Resource, case: CaseFile) -> Resource:
    """What decides over it: of an Action its dead letter, of that its Compensation."""
    ref: LocalRef | None = None
    found: list[DeadLetter | Compensation] = [*case.compensations]
    if isinstance(one, Action):
        ref, found = one.status.dead_letter_ref, [*case.letters]
    elif isinstance(one, DeadLetter) and not one.status.settled:
        ref = one.status.compensation_ref
    behind = [each for each in found if ref is not None and each.metadata.name == ref.name]
    return _behind(behind[0], case) if behind else one


def _title(one: Resource) -> Text:
    kind, meta = type(one).__name__, one.metadata
    phase = getattr(one.status, "phase", None)
    title = Text.assemble(
        (f"{spoken(kind)} {meta.name}", "bold"), f" in namespace {meta.namespace}"
    )
    return title.append(": ").append_text(render.styled(str(phase))) if phase else title


def _chapters(one: Resource, case: CaseFile, now: datetime) -> Iterator[Chapter]:
    match one:
        case Compensation():
            yield from _of_compensation(one, case, now)
        case DeadLetter():
            yield from _of_letter(one, case, now)
        case Action():
            yield Chapter("What was attempted", [chapters.facts(accounts.attempted(one))])
            yield Chapter("What happened", [chapters.facts(accounts.came_of(one, now))])
            yield Chapter("What was done about it", _recovery(case))
            yield Chapter(
                "Receipts", chapters.receipts(case.receipts_of("Action", one.metadata.name), now)
            )
        case Receipt():
            yield Chapter(
                "What it proves",
                [
                    chapters.facts(accounts.proved(one, now)),
                    *chapters.digest(
                        "Digest of the payload before redaction", one.spec.payload_digest
                    ),
                    *chapters.digest("Audit hash", one.spec.audit_hash),
                ],
            )
        case Approval() | Disposition() | Attestation():
            digest = one.spec.plan_digest if isinstance(one, Approval) else None
            yield Chapter(
                "What was said",
                [
                    chapters.facts(accounts.said(one, now)),
                    *chapters.digest("Plan digest, of exactly the plan that was meant", digest),
                ],
            )
            yield Chapter("What it is about", _recovery(case))
        case _:
            return
    if case.forbidden:
        yield Chapter("Not told, because you may not list it", [chapters.listed(case.forbidden)])
    if case.unreadable:
        yield Chapter(
            "Not told, because it does not fit this version", [chapters.listed(case.unreadable)]
        )


# ---------------------------------------------------------------------------------- compensation


def _of_compensation(one: Compensation, case: CaseFile, now: datetime) -> Iterator[Chapter]:
    spec, status = one.spec, one.status
    yield Chapter("What was attempted", _attempts(case, spec.target_effect))
    undoing = "What was to be undone" if _is_over(one) else "What is to be undone"
    yield Chapter(undoing, _plan(one))
    yield Chapter("What it takes", [Text(rule) for rule in demands.rules(one, case.floors)])
    yield Chapter("Who decided", _decided(one, case, now))
    yield Chapter("What ran", _ran(one, now))
    said = case.attested_of("Compensation", one.metadata.name)
    yield Chapter("What people have seen", witnesses.told(status.attestations, said, now))
    yield Chapter("What happened", chapters.steps(status.history))
    yield Chapter("Whose it is", owners.told(one, now))
    yield Chapter(
        "Receipt", chapters.receipts(case.receipts_of("Compensation", one.metadata.name), now)
    )


def _is_over(one: Compensation) -> bool:
    return one.status.phase in (C.COMPLETED, C.CANCELLED)


def _attempts(case: CaseFile, effect: str) -> list[RenderableType]:
    if not case.actions:
        return [Text(f"effect {plain(effect)}; there is no Action about it (any more)")]
    return [chapters.facts(accounts.attempted(one)) for one in case.actions]


def _plan(one: Compensation) -> list[RenderableType]:
    spec = one.spec
    facts: list[Fact] = [*screens.of_plan(spec), ("Effect", plain(spec.target_effect))]
    if spec.requester is not None:
        facts.append(("Asked by", visible(spec.requester.username)))
    verb = _SENT.get(one.status.phase, "is sent")
    parts: list[RenderableType] = [
        chapters.facts(facts),
        Text(),
        screens.request(preview.of_compensation(one), f"This {verb}"),
    ]
    return [*parts, *chapters.digest("Plan digest", one.status.plan_digest)]


_SENT = {
    C.PROPOSED: "would be sent",
    C.AWAITING_APPROVAL: "would be sent",
    C.COMPLETED: "was sent",
    C.CANCELLED: "was to be sent",
}


def _decided(one: Compensation, case: CaseFile, now: datetime) -> list[RenderableType]:
    spec, status = one.spec, one.status
    waits = status.phase in demands.WAITING
    if not spec.approval.required and not waits and not status.approvals:
        return [Text("nobody had to: spec.approval.required is false")]
    counted = {each.name: each for each in status.approvals}
    lines = [
        Text.assemble(
            (f"{visible(each.username)} ", "bold"),
            f"{_PAST[each.decision]} {at(each.time, now)}",
            f": {plain(each.reason)}" if each.reason else "",
        )
        for each in status.approvals
    ]
    for other in case.approvals:
        if other.metadata.name not in counted:
            ready = condition(other.status.conditions, "Ready")
            why = f"{ready.reason}: {plain(ready.message)}" if ready else "not looked at yet"
            lines.append(
                Text(f"{accounts.actor(other)} said {other.spec.decision}; does not count: {why}")
            )
    needed = f"{len(status.approvals)} counted"
    if waits:
        needed = plain(demands.demand(one, case.floors).standing(status.approvals))
    return [*lines, Text(needed, "dim")] if lines else [Text(f"nobody yet ({needed})")]


_PAST = {"Approve": "approved", "Reject": "rejected"}


def _ran(one: Compensation, now: datetime) -> list[RenderableType]:
    status, outbox = one.status, one.status.outbox
    if outbox is None:
        return [Text("nothing yet")] if not _is_over(one) else [Text("nothing")]
    facts: list[Fact] = [("Attempt", f"{outbox.attempt} of {one.spec.retry.max_attempts}")]
    if outbox.claimed_at is not None:
        who = outbox.claimed_by or "a person"
        facts.append(("Began", f"{at(outbox.claimed_at, now)}, by {who}"))
    if outbox.outcome is not None:
        detail = f": {plain(outbox.detail)}" if outbox.detail else ""
        facts.append(("Outcome", f"{outbox.outcome}{detail}"))
    if outbox.doubt:
        facts.append(("In doubt", plain(outbox.doubt)))
    facts += accounts.probes(outbox, now)
    if outbox.idempotency_key is not None:
        facts.append(("Key", plain(outbox.idempotency_key)))
    if status.executed_at is not None:
        facts.append(("Ended", at(status.executed_at, now)))
    return [chapters.facts([*facts, *accounts.late(status.late_results, now)])]


# ----------------------------------------------------------------------------------- dead letter


def _of_letter(one: DeadLetter, case: CaseFile, now: datetime) -> Iterator[Chapter]:
    yield Chapter("What was attempted", _attempts(case, one.spec.effect_id))
    yield Chapter("What went wrong", [chapters.facts(_failure(one))])
    yield Chapter("Who decided", _statements(case, now))
    yield Chapter("What ran", _dispatches(one, now))
    said = case.attested_of("DeadLetter", one.metadata.name)
    yield Chapter("What people have seen", witnesses.told(one.status.attestations, said, now))
    yield Chapter("What happened", chapters.steps(one.status.history))
    yield Chapter("What undoes it", [chapters.line(each) for each in case.compensations])
    yield Chapter("Receipts", chapters.receipts(case.receipts, now))


def _failure(one: DeadLetter) -> Iterator[Fact]:
    yield "Because", plain(one.spec.reason)
    yield "Attempts", f"{one.spec.attempts} by the automation"
    yield "Effect", plain(one.spec.effect_id)


def _statements(case: CaseFile, now: datetime) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for one in case.dispositions:
        ready = condition(one.status.conditions, "Ready")
        if ready is not None and ready.status == "True":
            when = at(ready.last_transition_time, now)
            chose = Text.assemble(
                (f"{accounts.actor(one)} ", "bold"), f"chose {one.spec.choice} {when}"
            )
            lines.append(chose.append(f": {plain(one.spec.reason)}"))
        else:
            why = f"{ready.reason}: {plain(ready.message)}" if ready else "not looked at yet"
            lines.append(
                Text(f"{accounts.actor(one)} said {one.spec.choice}; does not count: {why}")
            )
    return lines or [Text("nobody yet")]


def _dispatches(one: DeadLetter, now: datetime) -> list[RenderableType]:
    dispatch, outbox = one.status.dispatch, one.status.outbox
    if dispatch is None or outbox is None:
        return []
    facts: list[Fact] = [("Retries", str(dispatch.count))]
    if dispatch.last_time is not None:
        facts.append(("Last", at(dispatch.last_time, now)))
    if outbox.outcome is not None:
        detail = f": {plain(outbox.detail)}" if outbox.detail else ""
        facts.append(("Outcome", f"{outbox.outcome}{detail}"))
    facts += accounts.probes(outbox, now)
    return [chapters.facts([*facts, *accounts.late(one.status.late_results, now)])]


# ----------------------------------------------------------------------------------------- others


def _recovery(case: CaseFile) -> list[RenderableType]:
    found: list[DeadLetter | Compensation] = [*case.letters, *case.compensations]
    return [chapters.line(one) for one in found]
