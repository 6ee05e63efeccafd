"""Whose an undo is that needs a person, when others are told, and what becomes of the notice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation
from amends.api.wire import rfc3339
from amends.core.decide import decide
from amends.core.decision import Decision, Deliver
from amends.core.escalation import Defaults, Delivered, Delivery, NotDelivered
from amends.core.outcome import NotApplied
from amends.core.world import CompensationWorld
from support.worlds import MANUAL, NOW, ONCE, after, attestation, running, told, world, written

SRE = {"escalation": {"owner": "sre", "afterSeconds": 60}}
NAMED = Defaults("ops", timedelta(minutes=5), "pager")
PAGER = Defaults(receiver="pager")


def lost(**spec: Any) -> Compensation:
    """An undo of whose attempt nobody knows what became, and that may not be repeated."""
    return running(outbox={"outcome": "Unknown", "detail": "lost"}, spec={**ONCE, **spec})


def passed(before: CompensationWorld, decision: Decision, seconds: float) -> CompensationWorld:
    """The world in which that decision is written, so much later."""
    one = before.compensation
    if decision.status is not None:
        one = one.model_copy(update={"status": decision.status})
    return replace(before, compensation=one, now=before.now + timedelta(seconds=seconds))


def escalated(**known: Any) -> tuple[CompensationWorld, Decision]:
    """An undo at its deadline, and the decision that escalates it."""
    first = world(lost(**SRE), **known)
    at_deadline = passed(first, decide(first), 60)
    return at_deadline, decide(at_deadline)


def condition(decision: Decision) -> tuple[str, str] | None:
    return next(
        ((c.reason, c.message) for c in written(decision).conditions if c.type == "Escalated"), None
    )


def test_what_needs_a_person_has_an_owner_and_a_deadline() -> None:
    decision = decide(world(lost(**SRE)))

    escalation = written(decision).escalation
    assert escalation.wire() == {
        "owner": "sre",
        "reason": "OutcomeUnknown",
        "message": escalation.message,
        "since": rfc3339(NOW),
        "deadline": rfc3339(NOW + timedelta(seconds=60)),
    }
    assert escalation.message.startswith("lost: look at the target yourself")
    assert decision.look_again == timedelta(seconds=60)
    assert condition(decision) is None


@pytest.mark.parametrize(
    ("spec", "defaults", "owner", "seconds"),
    [
        pytest.param(SRE, NAMED, "sre", 60, id="the plan comes first"),
        pytest.param({}, NAMED, "ops", 300, id="the namespace stands in"),
        pytest.param({"escalation": {"owner": "me"}}, NAMED, "me", 300, id="each for itself"),
        pytest.param({}, PAGER, None, 3600, id="a receiver alone: an hour"),
        pytest.param({"escalation": {"owner": "me"}}, None, "me", 3600, id="an owner alone"),
    ],
)
def test_the_plan_comes_before_the_namespace(
    spec: dict[str, Any], defaults: Defaults | None, owner: str | None, seconds: int
) -> None:
    escalation = written(decide(world(lost(**spec), escalation=defaults))).escalation

    assert (escalation.owner, escalation.deadline - NOW) == (owner, timedelta(seconds=seconds))


def test_where_nobody_asks_for_it_nothing_escalates() -> None:
    assert written(decide(world(lost()))).escalation is None


def test_zero_escalates_at_once_and_tells_how_it_stands_then() -> None:
    """Not how it stood before: a repeat has to say the same."""
    once = {"retry": {"maxAttempts": 1}, "escalation": {"afterSeconds": 0}}
    first = world(running(spec=once), outcome=NotApplied("400", False), escalation=PAGER)
    decision = decide(first)
    again = decide(replace(passed(first, decision, 1), attempt=None))

    assert written(decision).escalation.escalated_at == NOW
    one, other = (
        next(effect.event for effect in made.effects if isinstance(effect, Deliver))
        for made in (decision, again)
    )
    assert one["data"]["phase"] == "Failed"
    assert one == other


def test_at_the_deadline_it_escalates_once_and_its_notice_is_on_record_before_it_is_sent() -> None:
    at_deadline, decision = escalated(escalation=PAGER)

    assert told(decision) == ["tell Compensation undo: Escalated", "deliver 1 to pager"]
    notice = written(decision).escalation.notice
    assert (notice.attempts, notice.next_at) == (0, at_deadline.now)
    assert condition(decision) is not None
    assert condition(decision)[0] == "Notifying"  # type: ignore[index]
    (deliver,) = (one for one in decision.effects if isinstance(one, Deliver))
    assert deliver.event["id"] == notice.id
    underway = Delivery(notice.id, 1)
    later = replace(passed(at_deadline, decision, 30), delivery=underway)
    assert told(decide(later)) == []


def test_without_a_receiver_the_condition_says_how_to_name_one() -> None:
    _, decision = escalated()

    assert told(decision) == ["tell Compensation undo: Escalated"]
    found = condition(decision)
    assert found is not None
    assert (found[0], "amends.dev/escalation-webhook-secret" in found[1]) == ("NoReceiver", True)


def test_a_receiver_that_is_named_later_is_told_too() -> None:
    at_deadline, decision = escalated()
    later = replace(passed(at_deadline, decision, 30), escalation=PAGER)

    assert told(decide(later)) == ["deliver 1 to pager"]


def test_what_the_receiver_acknowledged_is_not_sent_again() -> None:
    at_deadline, decision = escalated(escalation=PAGER)
    notice = written(decision).escalation.notice
    came = Delivery(notice.id, 1, Delivered())
    heard = replace(passed(at_deadline, decision, 1), delivery=came)
    decision = decide(heard)

    done = written(decision).escalation.notice
    assert (done.attempts, done.delivered_at, done.next_at) == (1, heard.now, None)
    assert told(decision) == ["withdraw"]
    quiet = replace(passed(heard, decision, 3600), delivery=None)
    assert (told(decide(quiet)), decide(quiet).look_again) == ([], None)


def test_a_notice_is_sent_again_under_its_id_until_it_is_given_up() -> None:
    now, decision = escalated(escalation=PAGER)
    events, pauses = [], []
    notice = written(decision).escalation.notice
    for number in range(1, 1000):
        events += [one.event for one in decision.effects if isinstance(one, Deliver)]
        notice = written(decision).escalation.notice
        failed = Delivery(notice.id, number, NotDelivered("https://pager.example.com answered 503"))
        now = replace(passed(now, decision, 0), delivery=failed)
        decision = decide(now)
        notice = written(decision).escalation.notice
        if notice.given_up_at is not None:
            break
        assert decision.look_again is not None
        pauses.append(decision.look_again.total_seconds())
        now = replace(passed(now, decision, pauses[-1]), delivery=None)
        decision = decide(now)
        decision = replace(decision, status=decision.status or now.compensation.status)

    assert pauses[:4] == [2, 4, 8, 16]
    assert max(pauses) == 600
    assert timedelta(hours=24) <= timedelta(seconds=sum(pauses)) < timedelta(hours=24, minutes=10)
    assert len(events) == notice.attempts == len(pauses) + 1
    assert all(event == events[0] for event in events)
    assert "tell Compensation undo: NoticeUndelivered" in told(decision)
    assert decision.look_again is None
    found = condition(decision)
    assert found is not None
    assert found[0] == "NoticeUndelivered"


def test_settled_in_time_nothing_escalates() -> None:
    first = world(lost(**SRE), escalation=PAGER)
    said = replace(passed(first, decide(first), 30), attestations=(attestation(),))
    decision = decide(said)

    assert written(decision).phase == "Completed"
    assert written(decision).escalation.wire() == {"owner": "sre"}
    assert not any(isinstance(one, Deliver) for one in decision.effects)


def test_settled_later_the_record_stays_and_nothing_more_is_sent() -> None:
    at_deadline, decision = escalated(escalation=PAGER)
    notice = written(decision).escalation.notice
    said = replace(
        passed(at_deadline, decision, 30),
        attestations=(attestation(),),
        delivery=Delivery(notice.id, 1),
    )
    decision = decide(said)

    ended = written(decision).escalation
    assert (ended.escalated_at, ended.ended_at) == (at_deadline.now, said.now)
    assert condition(decision) is None
    assert "withdraw" in told(decision)


def test_what_a_person_should_have_done_by_now_needs_one_from_its_deadline_on() -> None:
    manual = running(
        spec={**MANUAL, **SRE},
        outbox={"claimedBy": None, "claimExpiresAt": None},
        attestationDeadline=after(30),
    )
    first = world(manual)
    decision = decide(first)
    assert written(decision).escalation.wire() == {"owner": "sre"}

    overdue = decide(passed(first, decision, 30))

    escalation = written(overdue).escalation
    assert (escalation.reason, rfc3339(escalation.deadline)) == (
        *("AttestationOverdue", rfc3339(NOW + timedelta(seconds=90))),
    )


def test_another_trouble_is_another_stand_with_another_notice() -> None:
    at_deadline, decision = escalated(escalation=PAGER)
    first = written(decision).escalation.notice.id
    no = attestation("NotApplied")
    failed = replace(passed(at_deadline, decision, 5), attestations=(no,))
    failed = replace(
        failed,
        compensation=failed.compensation.model_copy(
            update={
                "spec": failed.compensation.spec.model_copy(
                    update={
                        "retry": failed.compensation.spec.retry.model_copy(
                            update={"max_attempts": 1}
                        )
                    }
                )
            }
        ),
    )
    decision = decide(failed)
    assert (written(decision).phase, written(decision).escalation.reason) == ("Failed", "Failed")
    again = decide(replace(passed(failed, decision, 60), attestations=()))

    assert written(again).escalation.notice.id != first
