"""Possible duplicates on the real API server: flagged on both, never blocked."""

import pytest

from support.audit import AuditLog
from support.manifests import action
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

FLAG = "PossibleDuplicate"
MEANT = {"target": "general", "input": {"text": "hello", "n": 1}}


def recorded(tenant: Tenant, name: str) -> None:
    tenant.wait_until("Action", name, lambda one: one["status"]["phase"] == "Recorded")


def flagged(tenant: Tenant, name: str) -> str:
    """What stands on the Action once it is flagged."""
    one = tenant.wait_until("Action", name, lambda one: condition(one, FLAG))
    assert conditions(one)[FLAG] == ("True", "SameIntent")
    return str(condition(one, FLAG)["message"])


def test_the_second_is_flagged_and_so_is_the_first_that_is_recorded(tenant: Tenant) -> None:
    tenant.create(action("first", "sent", idempotencyKey="1", **MEANT))
    recorded(tenant, "first")
    tenant.create(action("second", "failed", idempotencyKey="2", compensation={}, **MEANT))

    assert flagged(tenant, "first").startswith("action second had the same operation, target and")
    assert flagged(tenant, "second").startswith("action first had the same operation, target and")
    assert "action first had the same" in tenant.wait_for_event("second", FLAG)
    assert "action second had the same" in tenant.wait_for_event("first", FLAG)
    # Never blocked.
    for name in ("first", "second"):
        recorded(tenant, name)
    assert len(tenant.every("Receipt")) == 2
    assert len(tenant.every("DeadLetter")) == len(tenant.every("Compensation")) == 1
    digests = {one["status"]["intentDigest"] for one in tenant.every("Action")}
    assert len(digests) == 1


def test_before_the_second_is_sent_it_is_flagged(tenant: Tenant) -> None:
    """An automation that claims first can look, and ask."""
    tenant.create(action("first", "sent", **MEANT))
    recorded(tenant, "first")
    tenant.create(action("second", "claimed", **MEANT))

    flagged(tenant, "second")
    flagged(tenant, "first")
    assert tenant.read("Action", "second")["status"]["phase"] == "Pending"


def test_what_differs_or_has_one_key_is_not_flagged(tenant: Tenant) -> None:
    tenant.create(action("first", "sent", idempotencyKey="1", **MEANT))
    tenant.create(action("again", "sent", idempotencyKey="1", **MEANT))
    tenant.create(action("other-input", "sent", target="general", input={"text": "hello"}))
    tenant.create(action("other-target", "sent", **{**MEANT, "target": "random"}))
    for name in ("first", "again", "other-input", "other-target"):
        recorded(tenant, name)

    assert [one for one in tenant.every("Action") if condition(one, FLAG)] == []


def test_a_namespace_chooses_its_window(tenant: Tenant) -> None:
    annotate = ("annotate", "namespace", tenant.namespace, "amends.dev/duplicate-window=0")
    tenant.installed.cp.kubectl(*annotate)
    for name in ("first", "second"):
        tenant.create(action(name, "sent", **MEANT))
        recorded(tenant, name)

    assert [one for one in tenant.every("Action") if condition(one, FLAG)] == []


def test_many_of_one_intent_are_all_flagged_at_a_cost_that_does_not_grow(tenant: Tenant) -> None:
    audit, many = AuditLog(tenant.installed), [f"post-{number:02}" for number in range(30)]
    for name in many:
        tenant.create(action(name, "sent", **MEANT))
    for name in many:
        recorded(tenant, name)
        flagged(tenant, name)

    writes = [one for one in audit.writes(tenant.namespace) if one.resource == "actions/status"]
    assert len(writes) <= 3 * len(many)
