"""A person of one tenant points at another from home: by names, keys, ids, owners. Nothing moves.

What is said at home is about what is at home. After every attack each of the victim's objects must
be in the very version that it was in before, and nothing at home holds a word of them.
"""

import json

import pytest

from integration.cluster import PLURALS, Refused
from support.api import Object
from support.manifests import action, approval, compensation, disposition
from support.plugin import Plugin
from support.target import APPLIED, Target
from support.tenant import Tenant, condition
from support.victim import KEY, RUN, WORD, Victim

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("nothing_moves")]


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_the_same_idempotency_key_is_another_effect(
    outcome: str, tenant: Tenant, victim: Victim
) -> None:
    undo = {"name": "undo", "execution": {"record": {}}}
    more = {"error": "mine", "compensation": undo} if outcome == "failed" else {}
    tenant.create(action("post", outcome, idempotencyKey=KEY, runId=RUN, **more))

    status = tenant.ready("Action", "post", "Recorded")["status"]

    assert status["effect"]["id"] == victim.effect  # the name is derived from the key alone
    assert condition({"status": status}, "PossibleDuplicate") == {}
    assert WORD not in mine(tenant)


def test_an_undo_of_the_victims_effect_undoes_nothing_of_it(tenant: Tenant, victim: Victim) -> None:
    stolen: Object = {"targetEffect": victim.effect, "runId": RUN, "actionRef": {"name": "post"}}
    tenant.ask(compensation("undo", **stolen))

    tenant.in_phase("undo", "Completed")

    assert WORD not in mine(tenant)


@pytest.mark.parametrize("with_uid", [False, True])
def test_an_approval_named_and_filled_like_the_victims_counts_nowhere(
    with_uid: bool, tenant: Tenant, victim: Victim
) -> None:
    theirs = victim.tenant.read("Compensation", "undo")
    more = {"uid": theirs["metadata"]["uid"]} if with_uid else {}
    said = approval("yes", "undo", planDigest=theirs["status"]["planDigest"], **more)

    tenant.create(said, "alice")
    tenant.ready("Approval", "yes", "SubjectNotFound")
    tenant.create(compensation("undo"))
    tenant.ready("Approval", "yes", "BoundToAnother" if with_uid else "DigestMismatch")

    assert tenant.read("Compensation", "undo")["status"]["approvals"] == []


def test_a_disposition_of_the_victims_dead_letter_finds_none(
    tenant: Tenant, victim: Victim
) -> None:
    tenant.create(disposition("mine", victim.letter, "Ignore"))

    said = tenant.wait_until("Disposition", "mine", lambda one: condition(one))

    assert condition(said)["reason"] == "SubjectNotFound"


def test_a_secret_of_the_victims_name_is_looked_for_at_home(
    tenant: Tenant, target: Target, victim: Victim
) -> None:
    tenant.runner_may_read("board")  # which is not there
    tenant.installed.cp.kubectl(
        *("create", "rolebinding", "people-read-board", "-n", tenant.namespace),
        *("--role=read-board", "--group=tenant-a"),
    )
    route = target.route(APPLIED)
    secret = {"secretKeyRef": {"name": "board", "key": "token"}}
    http = {"url": route.url, "headers": [{"name": "Authorization", "valueFrom": secret}]}
    tenant.ask(compensation("steal", http=http))

    failed = tenant.ready("Compensation", "steal", "Failed")

    missing = f"Secret board does not exist in namespace {tenant.namespace}"
    assert missing in failed["status"]["reason"]
    assert route.requests == []


def test_an_undo_does_not_reach_the_victim_through_the_api_server(
    tenant: Tenant, victim: Victim
) -> None:
    server = tenant.installed.cp.server
    url = f"{server}/api/v1/namespaces/{victim.namespace}/secrets/board"
    tenant.create(compensation("steal", http={"method": "DELETE", "url": url}))

    ready = condition(tenant.ready("Compensation", "steal", "NotExecutable"))

    assert ready["message"].startswith(
        f"spec.execution.http.url: {server} is not an allowed target"
    )


def crossing(victim: Victim) -> list[Object]:
    """References that say the victim's namespace in every way that there is a place for."""
    there = f"{victim.namespace}/undo"
    account = f"system:serviceaccount:{victim.namespace}:amends-runner"
    digest = victim.tenant.read("Compensation", "undo")["status"]["planDigest"]
    secret = {"secretKeyRef": {"name": f"{victim.namespace}/board", "key": "token"}}
    header = {"name": "Authorization", "valueFrom": secret}
    return [
        approval("a", there, planDigest=digest),
        disposition("b", f"{victim.namespace}/{victim.letter}"),
        compensation("c", actionRef={"name": f"{victim.namespace}/post"}),
        compensation("d", serviceAccountName=account),
        compensation("e", serviceAccountName=f"{victim.namespace}:amends-runner"),
        compensation("f", serviceAccountName=f"{victim.namespace}/amends-runner"),
        compensation("g", http={"url": "https://example.com/", "headers": [header]}),
        compensation(f"../{victim.namespace}/undo"),
    ]


def test_no_reference_can_say_another_namespace(tenant: Tenant, victim: Victim) -> None:
    for obj in crossing(victim):
        with pytest.raises(Refused, match=r"should match|is invalid") as why:
            tenant.create(obj, "alice" if obj["kind"] == "Approval" else "bob")
        assert why.value.code == 422, obj


def test_an_object_that_says_another_namespace_is_refused_and_a_reference_forgets_it(
    tenant: Tenant, victim: Victim
) -> None:
    moved = compensation("moved")
    moved["metadata"]["namespace"] = victim.namespace
    with pytest.raises(Refused, match="does not match the namespace") as why:
        tenant.create(moved)
    assert why.value.code == 400

    letter = disposition("reach", victim.letter)
    letter["spec"]["deadLetterRef"]["namespace"] = victim.namespace
    stored = tenant.create(letter)
    assert stored["spec"]["deadLetterRef"] == {"name": victim.letter}
    tenant.ready("Disposition", "reach", "SubjectNotFound")


def test_an_object_that_calls_the_victims_its_owner_takes_nothing_along(
    tenant: Tenant, victim: Victim
) -> None:
    owner = victim.tenant.read("Compensation", "undo")
    ours = compensation("child")
    ours["metadata"]["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": "undo",
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
    ]
    tenant.create(ours)
    tenant.ready("Compensation", "child", "AwaitingApproval")

    tenant.change("child", cancel=True)
    tenant.in_phase("child", "Cancelled")
    tenant.delete("Compensation", "child")


def mine(tenant: Tenant) -> str:
    """Everything that the attacker can read at home, events included, as one text."""
    bob = tenant.installed.user("bob")
    events = bob.call("GET", f"/apis/events.k8s.io/v1/namespaces/{tenant.namespace}/events")
    return json.dumps([[tenant.every(kind, "bob") for kind in PLURALS], events])


@pytest.mark.parametrize("verb", [("tree", "--run", RUN), ("list", "actions")], ids=" ".join)
def test_at_home_a_verb_finds_what_is_at_home(
    verb: tuple[str, ...], tenant: Tenant, victim: Victim
) -> None:
    undo = {"name": "undo", "execution": {"record": {}}}
    tenant.create(action("post", idempotencyKey=KEY, runId=RUN, error="mine", compensation=undo))
    tenant.ready("Compensation", "undo", "AwaitingApproval")

    ended = Plugin.of(tenant, "alice", 200).run(*verb)

    assert (ended.code, ended.err) == (0, "")
    assert WORD not in ended.out
    assert "undo" in ended.out or "post" in ended.out
