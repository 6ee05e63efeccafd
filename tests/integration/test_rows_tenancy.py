"""Rows B6 and F: a tenant is a namespace. Nobody sees or moves anything of another tenant."""

import json
from collections.abc import Callable

import pytest

from installation import RunningOperator
from integration.cluster import PLURALS, Refused
from support.api import Object
from support.manifests import action, approval, compensation, unique
from support.target import Answer, Target
from support.tenant import Installed, Tenant

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


@pytest.fixture
def other(installed: Installed) -> Tenant:
    """A tenant of carol's."""
    return installed.tenant(unique("other"), group="tenant-b")


@pytest.mark.parametrize("kind", PLURALS)
def test_b6_a_stranger_sees_nothing(kind: str, tenant: Tenant) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: tenant.every(kind, "carol"),
        lambda: tenant.read(kind, "undo", "carol"),
    ]
    for attempt in attempts:
        with pytest.raises(Refused, match='User "carol" cannot') as refused:
            attempt()
        assert refused.value.code == 403


def test_b6_a_stranger_moves_nothing(tenant: Tenant, target: Target) -> None:
    route = target.route(Answer())
    before = tenant.create(compensation("undo", http={"url": route.url}))
    digest = tenant.planned("undo")
    said = approval("mine", "undo", planDigest=digest)
    attempts: list[Callable[[], object]] = [
        lambda: tenant.create(said, "carol"),
        lambda: tenant.change("undo", "carol", cancel=True),
        lambda: tenant.create(compensation("mine"), "carol"),
        lambda: tenant.create(action("mine"), "carol"),
        lambda: tenant.write_status("Compensation", "undo", {"phase": "Approved"}, "carol"),
    ]
    for attempt in attempts:
        with pytest.raises(Refused, match='User "carol" cannot') as refused:
            attempt()
        assert refused.value.code == 403

    after = tenant.read("Compensation", "undo")
    assert after["spec"] == before["spec"]
    assert after["status"]["phase"] == "AwaitingApproval"
    assert route.requests == []


def test_f_an_approval_counts_in_its_own_namespace_only(
    tenant: Tenant, other: Tenant, target: Target
) -> None:
    route = target.route(Answer())
    tenant.create(compensation("undo", http={"url": route.url}))
    digest = tenant.planned("undo")

    other.create(approval("yes", "undo", planDigest=digest), "carol")
    other.ready("Approval", "yes", "SubjectNotFound")

    other.create(compensation("undo", http={"url": route.url}, approval={"approvers": 2}), "carol")
    # The namespace is part of the plan's digest, so the digest of one is never that of the other.
    other.ready("Approval", "yes", "DigestMismatch")
    assert tenant.read("Compensation", "undo")["status"]["approvals"] == []
    assert other.read("Compensation", "undo")["status"]["approvals"] == []
    assert route.requests == []


def test_f_the_same_names_in_two_namespaces_do_not_mix(tenant: Tenant, other: Tenant) -> None:
    obj = action("post", "failed", idempotencyKey="one-key", compensation={"name": "undo"})
    tenant.create(obj)
    other.create(obj, "carol")
    letters = {}
    for each in (tenant, other):
        letters[each.namespace] = str(
            each.ready("Action", "post", "Recorded")["status"]["deadLetterRef"]["name"]
        )
        each.ready("DeadLetter", letters[each.namespace], "AwaitingCompensation")

    tenant.approve("undo")
    tenant.ready("DeadLetter", letters[tenant.namespace], "Compensated")

    assert other.read("Compensation", "undo")["status"]["phase"] == "AwaitingApproval"
    waiting = other.read("DeadLetter", letters[other.namespace])["status"]
    assert (waiting["phase"], "disposition" in waiting) == ("Open", False)
    assert [source(one) for one in other.every("Receipt")] == ["tool_effect"]
    assert sorted(source(one) for one in tenant.every("Receipt")) == [
        *("compensation", "tool_effect")
    ]


def source(receipt: Object) -> str:
    return str(receipt["spec"]["source"])


def test_f_the_labels_of_the_namespace_are_in_every_scope(
    tenant: Tenant, running: RunningOperator
) -> None:
    tenant.installed.cp.kubectl(
        *("label", "namespace", tenant.namespace),
        *("amends.dev/org=acme", "amends.dev/workspace=blue", "team=other"),
    )
    tenant.create(action("post", "failed", compensation={"name": "undo"}))
    tenant.ready("Action", "post", "Recorded")
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")

    written = [*tenant.every("Receipt"), *tenant.every("DeadLetter")]

    scope = {"namespace": tenant.namespace, "org": "acme", "workspace": "blue"}
    assert [one["spec"]["scope"] for one in written] == [scope] * 3, json.dumps(written)
