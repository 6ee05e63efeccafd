"""Row A4 at once: reports that were made while no operator worked are all new when one starts."""

import pytest

from support.audit import AuditLog
from support.digests import short
from support.manifests import action
from support.tenant import StartOperator, Tenant, condition
from waiting import wait_for

pytestmark = pytest.mark.controlplane

KEY = "run-7/post"
EFFECT = f"effect-{short(KEY)}"
LETTER = f"dead-letter-{EFFECT}"


def recorded(tenant: Tenant, *names: str) -> list[str]:
    """Why each of them is Ready, once all of them are recorded."""
    ended = {}
    for name in names:
        one = tenant.wait_until("Action", name, lambda one: one["status"]["phase"] == "Recorded")
        ended[name] = str(condition(one)["reason"])
    return list(ended.values())


def test_a4_two_actions_with_one_key_at_once_are_one_effect(
    start: StartOperator, tenant: Tenant
) -> None:
    pairs = [(f"{number}-a", f"{number}-b") for number in range(8)]
    for pair in pairs:
        for name in pair:
            tenant.create(action(name, "failed", idempotencyKey=pair[0], compensation={}))

    with start():
        reasons = [sorted(recorded(tenant, *pair)) for pair in pairs]

    assert reasons == [["Recorded", "Repeated"]] * len(pairs)
    for kind in ("Receipt", "DeadLetter", "Compensation"):
        assert len(tenant.every(kind)) == len(pairs)


def test_a4_reports_that_contradict_each_other_at_once_end_with_the_latest(
    start: StartOperator, tenant: Tenant
) -> None:
    """Their names are in the wrong order, and so may be the order in which they are looked at."""
    made = {"c": ("failed", 1), "a": ("failed", 2), "b": ("sent", 3), "d": ("failed", 2)}
    for name, (outcome, attempt) in made.items():
        tenant.create(action(name, outcome, idempotencyKey=KEY, attempt=attempt, compensation={}))

    with start():
        recorded(tenant, *made)
        wait_for(lambda: not tenant.every("DeadLetter"), seconds=30, what="recovery to go away")

    assert tenant.every("Compensation") == []
    receipts = sorted(
        (one["spec"] for one in tenant.every("Receipt")), key=lambda one: one["sequence"]
    )
    assert [one["sequence"] for one in receipts] == list(range(1, len(receipts) + 1))
    replaced = {one["supersedes"]["name"] for one in receipts if "supersedes" in one}
    standing = [
        one
        for one in receipts
        if ("supersedes" in one or one["sequence"] == 1)
        and f"{EFFECT}-{one['sequence']}" not in replaced
    ]
    assert [one["outcome"] for one in standing] == ["Succeeded"]


def test_duplicates_at_once_are_flagged_on_all(start: StartOperator, tenant: Tenant) -> None:
    names = [f"post-{number}" for number in range(12)]
    for name in names:
        tenant.create(action(name, "sent", input={"text": "hello"}))

    with start():
        recorded(tenant, *names)

    # A recorded one leaves the watch, so everybody was flagged before the last was recorded.
    flags = [condition(tenant.read("Action", name), "PossibleDuplicate") for name in names]
    assert [one.get("status") for one in flags] == ["True"] * len(names)


def test_what_a_report_costs(start: StartOperator, tenant: Tenant) -> None:
    """Without a key: is the first name free, and who meant the same. With one: every receipt."""
    with start():
        audit = AuditLog(tenant.installed)
        tenant.create(action("plain", "sent"))
        recorded(tenant, "plain")
        tenant.create(action("keyed", "sent", idempotencyKey=KEY, target="general"))
        recorded(tenant, "keyed")

    asked = [
        f"{one.verb} {one.resource}"
        for one in audit.everything()
        if one.namespace == tenant.namespace and one.group == "amends.dev" and one.verb != "watch"
    ]
    plain = ["get receipts", "list actions", "create receipts", "patch actions/status"]
    keyed = ["list receipts", "list actions", "create receipts", "patch actions/status"]
    assert asked == [*plain, *keyed]
