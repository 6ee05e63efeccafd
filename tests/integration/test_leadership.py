"""Two operators, one works. When it ends, however it ends, the other goes on, repeating nothing."""

import json
import signal
import threading
from collections.abc import Iterator

import pytest

from installation import RunningOperator
from support.manifests import unapproved
from support.receiver import Receiver, doomed, notice
from support.target import APPLIED, LOST, Answer, Route, Target, refused
from support.tenant import SECONDS, StartOperator, Tenant
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos]

SHORT = ("--lease-seconds", "3", "--claim-seconds", "2")


def events(operator: RunningOperator) -> list[str]:
    lines = operator.log.read_text().splitlines()
    return [json.loads(line)["event"] for line in lines if line.startswith("{")]


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets the target answer; at the latest when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def held(target: Target, release: threading.Event, *, honours_keys: bool = False) -> Route:
    """A target that makes the effect at once and answers the first request when it is let go."""
    return target.route(Answer(until=release), APPLIED, honours_keys=honours_keys)


def begin(tenant: Tenant, route: Route, **http: str) -> None:
    tenant.create(unapproved("undo", http={"url": route.url, **http}))
    wait_for(lambda: route.requests, seconds=SECONDS, what="the request")


def test_whoever_stops_gives_the_lease_back_and_ends_what_is_under_way(
    start: StartOperator, tenant: Tenant, target: Target, release: threading.Event
) -> None:
    # The lease lasts five minutes, so only one that was given back can be taken over in time.
    long = ("--lease-seconds", "300")
    with start(*long) as first, start("--lease-seconds", "7", until_working=False) as second:
        wait_for(lambda: "started" in events(second), seconds=SECONDS, what="the second operator")
        route = held(target, release)
        begin(tenant, route)
        assert not second.is_working()

        first.process.send_signal(signal.SIGTERM)
        release.set()
        wait_for(second.is_working, seconds=SECONDS, what="the second operator to take over")

        assert first.process.wait(timeout=SECONDS) == 0
        done = tenant.in_phase("undo", "Completed")
        assert done["status"]["attempts"] == len(route.requests) == 1
        assert len(route.effects) == 1
        tenant.create(unapproved("next"))
        tenant.in_phase("next", "Completed")


def test_when_the_leader_is_killed_its_lease_runs_out_and_nothing_is_repeated(
    start: StartOperator, tenant: Tenant, target: Target, release: threading.Event
) -> None:
    with start(*SHORT) as first, start(*SHORT, until_working=False) as second:
        route = held(target, release)
        begin(tenant, route)

        first.process.kill()
        wait_for(second.is_working, seconds=SECONDS, what="the second operator to take over")

        unknown = tenant.ready("Compensation", "undo", "OutcomeUnknown")
        holder = unknown["status"]["outbox"]["claimedBy"]
        assert unknown["status"]["outbox"]["detail"] == (
            f"{holder} stopped during attempt 1 without an answer"
        )
        assert len(route.requests) == len(route.effects) == 1


def test_when_the_leader_is_killed_a_safe_request_is_repeated_under_its_key(
    start: StartOperator, tenant: Tenant, target: Target, release: threading.Event
) -> None:
    with start(*SHORT) as first, start(*SHORT, until_working=False) as second:
        route = held(target, release, honours_keys=True)
        begin(tenant, route, retrySafety="ProviderKey")

        first.process.kill()

        done = tenant.in_phase("undo", "Completed")
        assert second.is_working()
        assert done["status"]["attempts"] == len(route.requests) == 2
        assert len({request.key for request in route.requests}) == 1
        assert len(route.effects) == 1
        assert len(tenant.every("Receipt")) == 1


def test_a_leader_that_was_asleep_ends_when_it_finds_its_lease_taken(
    start: StartOperator, tenant: Tenant
) -> None:
    with start(*SHORT) as first, start(*SHORT, until_working=False) as second:
        first.process.send_signal(signal.SIGSTOP)
        wait_for(second.is_working, seconds=SECONDS, what="the second operator to take over")
        tenant.create(unapproved("undo"))
        done = tenant.in_phase("undo", "Completed")

        first.process.send_signal(signal.SIGCONT)

        assert first.process.wait(timeout=SECONDS) == 3
        assert "was lost by" in first.tail()
        assert tenant.read("Compensation", "undo")["status"] == done["status"]
        assert len(tenant.every("Receipt")) == 1


def test_n6_who_is_killed_before_it_is_acknowledged_leaves_the_notice_to_the_next(
    start: StartOperator, tenant: Tenant, target: Target, release: threading.Event
) -> None:
    receiver = Receiver.of(tenant, target, Answer(until=release), APPLIED)
    with start(*SHORT) as first:
        tenant.create(doomed("undo", target))
        wait_for(receiver.events, seconds=SECONDS, what="the notice")
        on_record = notice(tenant.read("Compensation", "undo"))
        first.process.kill()
        first.process.wait(timeout=SECONDS)

    with start(*SHORT):
        tenant.wait_until("Compensation", "undo", lambda one: "deliveredAt" in notice(one))

    assert on_record["attempts"] == 0
    assert [event["id"] for event in receiver.events()] == [on_record["id"]] * 2


def test_n6_a_notice_is_sent_until_it_is_acknowledged_whoever_leads_and_under_one_id(
    start: StartOperator, tenant: Tenant, target: Target
) -> None:
    receiver = Receiver.of(tenant, target, refused(503), LOST, APPLIED)
    with start(*SHORT) as first:
        tenant.create(doomed("undo", target))
        tried = tenant.wait_until("Compensation", "undo", lambda one: "lastError" in notice(one))
        assert notice(tried)["lastError"] == f"{target.origin} answered 503"
        first.process.kill()
        first.process.wait(timeout=SECONDS)

    with start(*SHORT):
        done = tenant.wait_until("Compensation", "undo", lambda one: "deliveredAt" in notice(one))

    events = receiver.events()
    assert len(events) == notice(done)["attempts"] == 3
    assert all(event == events[0] for event in events)
