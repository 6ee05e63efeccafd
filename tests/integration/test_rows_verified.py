"""N1: nobody knows whether it happened, and the plan says how the target is asked."""

from typing import Any

import pytest

from integration import letters
from support import manifests
from support.api import Object
from support.manifests import unapproved, unique
from support.target import APPLIED, LOST, LOST_WITHOUT_EFFECT, Answer, Route, Target, refused
from support.tenant import SECONDS, Tenant, condition, conditions
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

THERE = Answer(200, {"state": "cancelled"}, applies=False)
STILL = Answer(200, {"state": "open"}, applies=False)
NOT_THERE = refused(404)
SILENT = refused(503)


def undo(tenant: Tenant, route: Route, probed: Route, **verify: Any) -> str:
    """An undo whose answer is lost, and the probe that its plan has for that."""
    name = unique("undo")
    probe = {"url": probed.url, **verify.pop("http", {})}
    given: Object = {"http": probe, "afterSeconds": 0, "attempts": 3, **verify}
    tenant.create(unapproved(name, http={"url": route.url}, verify=given))
    return name


def test_the_target_says_that_it_is_there_and_that_is_the_evidence(
    tenant: Tenant, target: Target
) -> None:
    route, probed = target.route(LOST), target.route(SILENT, THERE)
    state = {"assertions": [{"path": "$.state", "equals": "cancelled"}]}
    name = undo(tenant, route, probed, http=state)

    done = tenant.in_phase(name, "Completed")

    assert (len(route.requests), done["status"]["attempts"]) == (1, 1)
    assert [request.method for request in probed.requests] == ["GET", "GET"]
    (receipt,) = tenant.every("Receipt")
    evidence = receipt["spec"]["payload"]["evidence"]
    assert evidence["probe"] == 2
    assert evidence["verified"]["status"] == 200


def test_the_target_says_that_it_is_not_there_and_it_is_sent_again(
    tenant: Tenant, target: Target
) -> None:
    route, probed = target.route(LOST_WITHOUT_EFFECT, APPLIED), target.route(NOT_THERE)
    name = undo(tenant, route, probed)

    done = tenant.in_phase(name, "Completed")

    assert done["status"]["attempts"] == len(route.requests) == 2
    assert len(route.effects) == len(probed.requests) == 1
    assert [step["to"] for step in done["status"]["history"]] == [
        *("Approved", "Running", "Failed", "Running", "Completed")
    ]


def test_the_target_cannot_tell_so_a_person_is_waited_for(tenant: Tenant, target: Target) -> None:
    route, probed = target.route(LOST), target.route(STILL)
    state = {"assertions": [{"path": "$.state", "equals": "cancelled"}]}
    name = undo(tenant, route, probed, http=state, attempts=2)

    unsure = tenant.ready("Compensation", name, "OutcomeUnknown")

    assert unsure["status"]["outbox"]["verification"]["count"] == len(probed.requests) == 2
    assert conditions(unsure)["OutcomeUnknown"] == ("True", "OutcomeUnknown")
    assert len(route.requests) == 1

    tenant.create(manifests.attestation(unique("saw"), name, "Applied"))
    tenant.in_phase(name, "Completed")


def retried(tenant: Tenant, route: Route, probed: Route, **verify: Any) -> str:
    """A dead letter whose retry is lost, and the probe that its Action has for that."""
    given: Object = {"http": {"url": probed.url}, "afterSeconds": 0, "attempts": 2, **verify}
    letter = letters.failed(tenant, route, retry={"verify": given})
    letters.decide(tenant, letter, "Retry")
    return letter


def test_a_retry_that_the_target_knows_of_resolves_its_dead_letter(
    tenant: Tenant, target: Target
) -> None:
    seen: list[Object] = []

    def note(_: object) -> None:
        seen.append(tenant.every("DeadLetter")[0])

    silent = Answer(503, applies=False, on_arrival=note)
    route, probed = target.route(LOST), target.route(silent, THERE)
    letter = retried(tenant, route, probed)

    done = letters.in_phase(tenant, letter, "Resolved")

    assert conditions(seen[0])["Ready"] == ("Unknown", "Verifying")
    assert len(route.requests) == 1
    assert [request.method for request in probed.requests] == ["GET", "GET"]
    *_, receipt = letters.receipts_of(tenant, letter)
    evidence = receipt["payload"]["evidence"]
    assert (receipt["outcome"], evidence["probe"]) == ("Succeeded", 2)
    assert evidence["verified"]["status"] == 200
    assert done["status"]["history"][-1]["reason"].endswith(": probe 2 has found the effect")


def test_a_retry_that_the_target_knows_nothing_of_opens_its_dead_letter_again(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(LOST_WITHOUT_EFFECT)
    letter = retried(tenant, route, target.route(NOT_THERE))

    opened = letters.in_phase(tenant, letter, "Open")

    assert letters.steps(opened) == ["RetryRequested", "Retrying", "Open"]
    assert conditions(opened) == {"Ready": ("False", "AwaitingDecision")}
    assert len(route.requests) == 1
    *_, receipt = letters.receipts_of(tenant, letter)
    assert receipt["outcome"] == "Failed"
    assert receipt["error"].startswith(f"probe 1: the probe of {target.origin} answered 404")


def test_a_retry_of_which_the_target_can_tell_nothing_waits_for_a_person(
    tenant: Tenant, target: Target
) -> None:
    probed = target.route(SILENT)
    letter = retried(tenant, target.route(LOST), probed, attempts=1)

    unsure = tenant.ready("DeadLetter", letter, "OutcomeUnknown")

    assert unsure["status"]["outbox"]["verification"]["count"] == len(probed.requests) == 1
    assert "1 probe has told nothing" in condition(unsure)["message"]
    wait_for(lambda: is_asked_for(tenant, letter), seconds=SECONDS, what="a call for a person")

    tenant.create(manifests.attestation(unique("saw"), letter, "Applied", kind="DeadLetter"))
    letters.in_phase(tenant, letter, "Resolved")


def is_asked_for(tenant: Tenant, letter: str) -> bool:
    return any(one["note"].endswith("; somebody must attest") for one in tenant.events(letter))


def test_a_retry_whose_probe_could_not_be_sent_is_not_sent_either(
    tenant: Tenant, target: Target
) -> None:
    route, elsewhere = target.route(APPLIED), Route("http://127.0.0.1:1/", [], False)
    letter = retried(tenant, route, elsewhere)

    (said,) = tenant.every("Disposition")

    assert conditions(said)["Ready"] == ("False", "NotExecutable")
    assert "spec.verify.http.url: http://127.0.0.1:1" in condition(said)["message"]
    assert letters.in_phase(tenant, letter, "Open")
    assert route.requests == []
