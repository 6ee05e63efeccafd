"""Who plans a Job is held to what holds for any Pod of the tenant, before anybody approves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.cluster import Refused
from support.api import MERGE_PATCH, Object
from support.manifests import action, compensation, disposition, unique
from support.tenant import Installed, Right, Tenant

pytestmark = pytest.mark.controlplane

EXAMPLE = Path(__file__).parents[2] / "examples/job/compensation.yaml"
CREATE_JOBS: Right = ("batch", "jobs", "create", "")
RUNNER: Right = ("", "serviceaccounts", "use", "amends-runner")
ASK: Right = ("amends.dev", "compensations", "create", "")

SAFE: Object = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"]},
}


def template(only: Object | None = None, **spec: Any) -> Object:
    """A pod template of one container, with what a test is about."""
    container = {"name": "only", "image": "registry.example.com/undo:1", **(only or {})}
    return {"spec": {"containers": [container], **spec}}


def context(**security: Any) -> Object:
    return template({"securityContext": security})


def undo(given: Object, name: str = "one") -> Object:
    obj = compensation(name)
    obj["spec"]["execution"] = {"job": {"template": given}}
    return obj


def reported(given: Object) -> Object:
    return action("one", compensation={"execution": {"job": {"template": given}}})


def sent_again(given: Object) -> Object:
    return action("one", idempotencyKey="key", retry={"job": {"template": given}})


def disposed(given: Object) -> Object:
    planned = {"execution": {"job": {"template": given}}}
    return disposition("one", "letter", choice="Compensate", compensation=planned)


Make = Callable[[Object], Object]
PLACES = pytest.mark.parametrize(
    ("make", "place"),
    [
        pytest.param(undo, "spec.execution", id="Compensation"),
        pytest.param(reported, "spec.compensation.execution", id="Action: compensation"),
        pytest.param(sent_again, "spec.retry", id="Action: retry"),
        pytest.param(disposed, "spec.compensation.execution", id="Disposition"),
    ],
)


@pytest.fixture(scope="module")
def running(installed: Installed) -> Tenant:
    """A tenant in which bob may create Jobs; its namespace names no standard."""
    return _tenant(installed, None)


@pytest.fixture(scope="module")
def restricted(installed: Installed) -> Tenant:
    """The same, with pods that are held to the restricted standard."""
    return _tenant(installed, "restricted")


@pytest.fixture(scope="module")
def privileged(installed: Installed) -> Tenant:
    """The same, with pods that may do anything."""
    return _tenant(installed, "privileged")


def _tenant(installed: Installed, level: str | None) -> Tenant:
    made = installed.tenant(unique("tenant"), annotations={})
    made.let("bob", CREATE_JOBS)
    labels = {"pod-security.kubernetes.io/enforce": level}
    installed.user("admin").call(
        "PATCH",
        f"/api/v1/namespaces/{made.namespace}",
        {"metadata": {"labels": labels}},
        content_type=MERGE_PATCH,
    )
    return made


@PLACES
def test_who_may_not_create_a_job_may_not_plan_one(make: Make, place: str, tenant: Tenant) -> None:
    obj = make(template())

    with pytest.raises(Refused) as refused:
        tenant.create(obj, "bob")

    assert refused.value.code == 403
    assert (
        f"bob plans a Job and may not create jobs.batch in namespace {tenant.namespace}, where a "
        "pod could mount any Secret: add to a Role there {apiGroups: [batch], resources: [jobs], "
        "verbs: [create]}, and bind it"
    ) in str(refused.value)
    assert tenant.every(obj["kind"]) == []


@PLACES
def test_who_may_create_a_job_may_plan_one(make: Make, place: str, running: Tenant) -> None:
    running.create(make(template()), "bob")
    running.clear()


@PLACES
def test_what_is_planned_anywhere_is_looked_at(make: Make, place: str, running: Tenant) -> None:
    with pytest.raises(Refused) as refused:
        running.create(make(template(hostNetwork=True)), "bob")

    assert f"{place}.job.template.spec.hostNetwork is true: remove it" in str(refused.value)


SPEC = "spec.execution.job.template.spec"
ONLY = f"{SPEC}.containers[only].securityContext"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(
            template(serviceAccountName="powerful"),
            f"{SPEC}.serviceAccountName is not amends-runner: leave it out",
            id="another account",
        ),
        pytest.param(
            template(serviceAccount="powerful"),
            f"{SPEC}.serviceAccountName is not amends-runner: leave it out",
            id="another account, by its old name",
        ),
        pytest.param(
            template(nodeName="a"), f"{SPEC}.nodeName passes the scheduler by", id="a node"
        ),
        pytest.param(template(hostPID=True), f"{SPEC}.hostPID is true: remove it", id="hostPID"),
        pytest.param(template(hostIPC=True), f"{SPEC}.hostIPC is true: remove it", id="hostIPC"),
        pytest.param(
            template(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
            f"{SPEC}.volumes[root] is a hostPath: use another kind of volume",
            id="hostPath",
        ),
        pytest.param(
            template({"ports": [{"containerPort": 80, "hostPort": 80}]}),
            f"{SPEC}.containers[only].ports has a hostPort: remove it",
            id="hostPort",
        ),
        pytest.param(
            context(privileged=True), f"{ONLY}.privileged is true: remove it", id="privileged"
        ),
        pytest.param(
            template(initContainers=[{"name": "a", "securityContext": {"privileged": True}}]),
            f"{SPEC}.initContainers[a].securityContext.privileged is true: remove it",
            id="privileged before",
        ),
        pytest.param(
            context(capabilities={"add": ["SYS_ADMIN"]}),
            f"{ONLY}.capabilities.add has one that is beyond the baseline: remove it",
            id="capabilities",
        ),
        pytest.param(
            context(seccompProfile={"type": "Unconfined"}),
            f"{ONLY}.seccompProfile.type is Unconfined: use RuntimeDefault",
            id="seccomp",
        ),
        pytest.param(
            context(appArmorProfile={"type": "Unconfined"}),
            f"{ONLY}.appArmorProfile.type is Unconfined: use RuntimeDefault",
            id="AppArmor",
        ),
        pytest.param(
            context(procMount="Unmasked"),
            f"{ONLY}.procMount is Unmasked: remove it",
            id="procMount",
        ),
        pytest.param(
            context(seLinuxOptions={"type": "spc_t"}),
            f"{ONLY}.seLinuxOptions is beyond the baseline",
            id="SELinux",
        ),
        pytest.param(
            template(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
            f"{SPEC}.securityContext.sysctls sets one that is not safe: remove it",
            id="sysctls",
        ),
        pytest.param(
            template(securityContext={"windowsOptions": {"hostProcess": True}}),
            f"{SPEC}.securityContext.windowsOptions.hostProcess is true: remove it",
            id="hostProcess",
        ),
    ],
)
def test_where_no_standard_is_named_the_baseline_holds(
    given: Object, words: str, running: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        running.create(undo(given), "bob")

    assert refused.value.code == 403
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(
            context(**{**SAFE, "allowPrivilegeEscalation": None}),
            f"{ONLY}.allowPrivilegeEscalation is not false: set it",
            id="escalation",
        ),
        pytest.param(
            context(**{**SAFE, "runAsNonRoot": False}),
            f"{ONLY}.runAsNonRoot is not true: set it, or for the whole pod",
            id="root allowed",
        ),
        pytest.param(
            context(**SAFE, runAsUser=0),
            f"{ONLY}.runAsUser is 0: choose another user",
            id="root",
        ),
        pytest.param(
            context(**{**SAFE, "seccompProfile": {"type": ""}}),
            f"{ONLY}.seccompProfile.type is neither RuntimeDefault nor Localhost",
            id="seccomp",
        ),
        pytest.param(
            context(**{**SAFE, "capabilities": {}}),
            f"{ONLY}.capabilities does not drop ALL",
            id="capabilities",
        ),
        pytest.param(
            template({"securityContext": SAFE}, volumes=[{"name": "a", "nfs": {"path": "/"}}]),
            f"{SPEC}.volumes[a] is of a kind that restricted does not allow",
            id="volume",
        ),
    ],
)
def test_where_pods_are_restricted_so_are_plans(
    given: Object, words: str, restricted: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        restricted.create(undo(_without_nulls(given)), "bob")

    assert words in str(refused.value)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def test_a_restricted_pod_can_be_planned_where_pods_are_restricted(restricted: Tenant) -> None:
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "secret": {"secretName": "board"}}]
    restricted.create(undo(template({"securityContext": SAFE}, volumes=volumes)), "bob")
    restricted.clear()


def test_the_example_is_fit_for_where_pods_are_restricted(restricted: Tenant) -> None:
    restricted.create(yaml.safe_load(EXAMPLE.read_text()), "bob")
    restricted.clear()


def test_where_pods_may_do_anything_a_plan_may(privileged: Tenant) -> None:
    given = template({"securityContext": {"privileged": True}}, hostPID=True)
    privileged.create(undo(given), "bob")
    privileged.clear()


def test_whoever_changes_nothing_of_the_plan_needs_no_right_to_create_jobs(
    running: Tenant,
) -> None:
    running.create(undo(template(), "planned"), "bob")

    assert running.change("planned", "dora", cancel=True)["spec"]["cancel"] is True
    running.clear()
