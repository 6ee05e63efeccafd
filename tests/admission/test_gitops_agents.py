"""A service account that is listed as a GitOps agent decides in its own name, and says for whom."""

import json
from collections.abc import Iterator

import pytest

from admission.decisions import EVERY_KIND, MERGED, statement
from admission.people import create_as
from integration.cluster import MASTERS, OPERATOR
from support.manifests import signed
from support.tenant import SECONDS, Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

AGENT = "system:serviceaccount:flux-system:kustomize-controller"
POLICY = "validatingadmissionpolicy/amends-people-decide"


@pytest.fixture(scope="module", autouse=True)
def listed(installed: Installed, ground: Tenant) -> Iterator[None]:
    """While it lasts, a GitOps agent is listed as such, and by mistake the operator too."""
    kubectl = installed.cp.kubectl
    shipped = kubectl("get", POLICY, "-o", "jsonpath={.spec.variables[0].expression}").stdout

    def write(expression: str) -> None:
        patch = [{"op": "replace", "path": "/spec/variables/0/expression", "value": expression}]
        kubectl("patch", POLICY, "--type=json", "-p", json.dumps(patch))

    def may_decide() -> bool:
        tried = kubectl(
            *("create", "--dry-run=server", "-n", ground.namespace, "-f", "-"),
            *("--as", AGENT, "--as-group", MASTERS),
            input=json.dumps(signed(statement("Approval"), AGENT)),
            check=False,
        )
        return tried.returncode == 0

    write(f"['{AGENT}', '{OPERATOR}']")
    wait_for(may_decide, seconds=SECONDS, what="the list to be in force")
    yield
    write(shipped)
    wait_for(lambda: not may_decide(), seconds=SECONDS, what="the list to be gone")


@EVERY_KIND
def test_a_listed_gitops_agent_is_the_actor_of_what_people_merged(
    kind: str, tenant: Tenant
) -> None:
    assert create_as(tenant, AGENT, statement(kind, onBehalfOf=MERGED)) == ""

    spec = tenant.read(kind, "statement")["spec"]
    assert (spec["actor"]["username"], spec["onBehalfOf"]) == (AGENT, MERGED)


@EVERY_KIND
def test_a_listed_gitops_agent_does_not_decide_in_a_persons_name(kind: str, tenant: Tenant) -> None:
    assert "spec.actor.username is alice but the request was made by" in (
        create_as(tenant, AGENT, statement(kind, actor={"username": "alice"}))
    )


@EVERY_KIND
def test_the_operator_does_not_decide_even_if_it_is_listed(kind: str, tenant: Tenant) -> None:
    assert "is the Amends operator" in create_as(tenant, OPERATOR, statement(kind))
    assert tenant.every(kind) == []
