"""N1: nobody knows whether it happened, and the plan says how the target is asked."""

from typing import Any

import pytest

from support import manifests
from support.api import Object
from support.manifests import unapproved, unique
from support.target import APPLIED, LOST, LOST_WITHOUT_EFFECT, Answer, Route, Target, refused
from support.tenant import Tenant, conditions

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
