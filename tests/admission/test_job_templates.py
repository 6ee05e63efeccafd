"""Who plans a Job is held to what holds for any Pod of the tenant, before anybody approves."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from admission.templates import (
    BEYOND_BASELINE,
    BEYOND_RESTRICTED,
    FIT_FOR_BASELINE,
    FIT_FOR_RESTRICTED,
    SPEC,
    template,
)
from integration.cluster import Refused
from support.api import MERGE_PATCH, Object
from support.manifests import action, compensation, disposition, signed, unique
from support.tenant import SECONDS, Installed, Right, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

EXAMPLE = Path(__file__).parents[2] / "examples/job/compensation.yaml"
CREATE_JOBS: Right = ("batch", "jobs", "create", "")
RUNNER: Right = ("", "serviceaccounts", "use", "amends-runner")
ASK: Right = ("amends.dev", "compensations", "create", "")


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


@pytest.fixture(scope="module")
def levels(installed: Installed, restricted: Tenant) -> dict[str, Tenant]:
    """By the standard that the namespace names."""
    return {"baseline": _tenant(installed, "baseline"), "restricted": restricted}


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
    if level is not None:
        wait_for(
            lambda: _is_known_to_the_policies(made), seconds=SECONDS, what="its label to count"
        )
    return made


def _is_known_to_the_policies(tenant: Tenant) -> bool:
    """They look at namespaces as they were a moment ago."""
    try:
        tenant.create(undo(template(hostPID=True)), "bob")
    except Refused as why:
        return "held to no standard" not in str(why)
    tenant.clear()
    return True


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
        *BEYOND_BASELINE,
    ],
)
def test_where_no_standard_is_named_the_baseline_holds(
    given: Object, words: str, running: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        running.create(undo(given), "bob")

    assert refused.value.code == 403
    assert words in str(refused.value)


@pytest.mark.parametrize(("given", "words"), BEYOND_RESTRICTED)
def test_where_pods_are_restricted_so_are_plans(
    given: Object, words: str, restricted: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        restricted.create(undo(given), "bob")

    assert words in str(refused.value)


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize(
    "given",
    [
        *(
            pytest.param(one.values[0], id=one.id)
            for rows in (BEYOND_BASELINE, BEYOND_RESTRICTED, FIT_FOR_BASELINE, FIT_FOR_RESTRICTED)
            for one in rows
        )
    ],
)
def test_a_plan_is_taken_exactly_where_the_same_pod_is(
    given: Object, level: str, levels: dict[str, Tenant]
) -> None:
    """Pod Security's own verdict is the measure, of the Kubernetes that runs here."""
    tenant, stamps = levels[level], levels[level].installed.stamps
    account = {"restartPolicy": "Never", "serviceAccountName": "amends-runner"}
    metadata = {"name": "one", **given.get("metadata", {})}
    pod = {"metadata": metadata, "spec": {**account, **given["spec"]}}
    plans = f"/apis/amends.dev/v1alpha1/namespaces/{tenant.namespace}/compensations"

    by_pod_security = refusal(tenant, f"/api/v1/namespaces/{tenant.namespace}/pods", "admin", pod)
    by_us = refusal(tenant, plans, "bob", undo(given) if stamps else signed(undo(given), "bob"))

    # Before 1.35, which stamps nothing yet, Pod Security does not ask whose users a pod has; no
    # policy knows how old the server is, so there its own word is the last one.
    is_newer = not stamps and given["spec"].get("hostUsers") is False and by_us is None
    assert (by_pod_security is None) == (by_us is None) or is_newer, (by_pod_security, by_us)
    assert by_pod_security is None or re.search("violates PodSecurity|is invalid", by_pod_security)


def refusal(tenant: Tenant, path: str, user: str, obj: Object) -> str | None:
    """What is said to whoever would create it."""
    try:
        tenant.installed.user(user).call("POST", path, obj, query={"dryRun": "All"})
    except Refused as refused:
        return str(refused)
    return None


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
