"""Who decided is who was authenticated, and a person, whatever they state."""

import json

import pytest

from admission.decisions import EVERY_KIND, MERGED, statement
from admission.people import create_as, create_unsigned, full, recorded
from integration.cluster import Refused
from support.api import Object
from support.manifests import signed
from support.tenant import SECONDS, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane


@EVERY_KIND
def test_the_actor_is_who_made_the_request(kind: str, tenant: Tenant) -> None:
    made = tenant.create(statement(kind), "alice")

    assert made["spec"]["actor"] == recorded(tenant, "alice")


@EVERY_KIND
@pytest.mark.parametrize(
    ("actor", "words"),
    [
        pytest.param(
            {"username": "alice"},
            "spec.actor.username is alice but the request was made by bob: leave spec.actor out",
            id="another name",
        ),
        pytest.param(
            {"username": "bob", "uid": "alice"},
            "spec.actor.uid alice is not the uid of bob: leave spec.actor out",
            id="another uid",
        ),
        pytest.param(
            {"username": "bob", "groups": ["tenant-a", "system:masters"]},
            "spec.actor.groups names a group that bob is not in: leave spec.actor out",
            id="a group more",
        ),
    ],
)
def test_a_forged_actor_is_refused_on_create(
    kind: str, actor: Object, words: str, tenant: Tenant
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        tenant.create(statement(kind, actor=actor), "bob")
    assert refused.value.code == 403
    assert tenant.every(kind) == []


@EVERY_KIND
def test_the_true_actor_may_be_written_down(kind: str, tenant: Tenant) -> None:
    made = tenant.create(statement(kind, actor=full("bob")), "bob")

    assert made["spec"]["actor"] == full("bob")


@EVERY_KIND
def test_who_names_nobody_is_stamped_or_told_to_write_their_own_name(
    kind: str, tenant: Tenant
) -> None:
    told = (
        "spec.actor is missing and this cluster does not stamp it: write spec.actor.username: bob"
    )

    assert create_unsigned(tenant, "bob", statement(kind)) == (
        full("bob") if tenant.installed.stamps else told
    )


@EVERY_KIND
def test_applying_the_same_again_changes_nothing(kind: str, tenant: Tenant) -> None:
    said = statement(kind) if tenant.installed.stamps else signed(statement(kind), "alice")

    def apply() -> str:
        return tenant.installed.cp.kubectl(
            *("apply", "-n", tenant.namespace, "-f", "-"), user="alice", input=json.dumps(said)
        ).stdout.strip()

    assert apply() == f"{kind.lower()}.amends.dev/statement created"
    assert apply() == f"{kind.lower()}.amends.dev/statement unchanged"


@EVERY_KIND
@pytest.mark.parametrize(
    "actor",
    [
        pytest.param({"username": "bob"}, id="another name"),
        pytest.param({"uid": "bob"}, id="another uid"),
        pytest.param({"groups": ["tenant-a"]}, id="other groups"),
        pytest.param(None, id="nobody"),
    ],
)
@pytest.mark.parametrize("user", ["alice", "admin"])
def test_an_actor_forged_by_update_is_refused(
    kind: str, actor: Object | None, user: str, tenant: Tenant
) -> None:
    tenant.create(statement(kind), "alice")

    with pytest.raises(Refused, match="is immutable: a statement stands"):
        tenant.patch(kind, "statement", {"spec": {"actor": actor}}, user)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Approval", "Approve undo by alice"),
        ("Disposition", "Ignore letter by alice"),
        ("Attestation", "Applied undo:1 by alice"),
    ],
)
def test_the_audit_log_tells_the_decision_in_words(kind: str, told: str, fresh: Tenant) -> None:
    fresh.create(statement(kind), "alice")

    def annotations() -> list[str]:
        log = fresh.installed.cp.audit_log.read_text().splitlines()
        events = [json.loads(line) for line in log if f'"{fresh.namespace}"' in line]
        decision = "amends-prove-actor/decision"
        found = (event.get("annotations", {}) for event in events)
        return [one[decision] for one in found if decision in one]

    wait_for(annotations, seconds=SECONDS, what="the audit log")
    assert annotations() == [told]


@EVERY_KIND
def test_a_service_account_that_is_not_listed_does_not_decide(kind: str, tenant: Tenant) -> None:
    runner = f"system:serviceaccount:{tenant.namespace}:amends-runner"

    assert f"{runner} is a service account, and people decide: let a person apply this {kind}" in (
        create_as(tenant, runner, statement(kind))
    )
    assert tenant.every(kind) == []


@EVERY_KIND
def test_only_a_listed_gitops_agent_may_say_on_whose_behalf(kind: str, tenant: Tenant) -> None:
    with pytest.raises(Refused) as refused:
        tenant.create(statement(kind, onBehalfOf=MERGED), "bob")

    assert (
        "spec.onBehalfOf is what a GitOps agent says of who merged this, and bob is not listed as "
        "one: leave spec.onBehalfOf out"
    ) in str(refused.value)
    assert tenant.every(kind) == []
