"""Undo by Job, with the operator as its own process. No kubelet runs here: the test is the node.

What pods do to an attempt is told in tests/node/test_jobs.py; here it is what operators do.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from amends.core.namespace import FREEZE
from installation import RBAC, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, RunningOperator
from integration.cluster import Refused
from integration.letters import decide, failed, in_phase
from support.api import Object
from support.job_node import ENDED, STARTED, Node
from support.manifests import compensation
from support.namespaces import annotate, frozen
from support.tenant import SECONDS, StartOperator, Tenant, condition, conditions
from waiting import wait_for

pytestmark = pytest.mark.controlplane

SOON = ("--claim-seconds", "2", "--lease-seconds", "3")
TEMPLATE: Object = {
    "spec": {"containers": [{"name": "undo", "image": "registry.example.com/undo:1"}]}
}


@pytest.fixture
def tenant(tenant: Tenant) -> Tenant:
    """A tenant whose plans may run Jobs."""
    roles = list(yaml.safe_load_all((RBAC / "tenant-jobs.yaml").read_text()))
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": roles})
    tenant.installed.cp.kubectl("create", "-n", tenant.namespace, "-f", "-", input=listed)
    tenant.let("bob", ("batch", "jobs", "create", ""))
    return tenant


def by_job(name: str, **job: Any) -> Object:
    obj = compensation(name)
    obj["spec"]["execution"] = {"job": {"template": TEMPLATE, **job}}
    return obj


def asked_for(tenant: Tenant, name: str, **job: Any) -> Node:
    """An approved undo, whose Job runs its pod."""
    tenant.create(by_job(name, **job))
    tenant.approve(name)
    tenant.in_phase(name, "Running")
    node = Node(tenant)
    node.runs()
    return node


def test_a_job_outlives_a_killed_operator_and_is_taken_over_under_the_same_attempt(
    tenant: Tenant, start: StartOperator
) -> None:
    with start(*SOON) as first:
        node = asked_for(tenant, "undo")
        (job,) = node.jobs()
        first.process.kill()
        first.process.wait()
    node.ends(0)
    with start(*SOON):
        done = tenant.in_phase("undo", "Completed")

    assert [one["metadata"]["uid"] for one in node.jobs()] == [job["metadata"]["uid"]]
    assert (done["status"]["attempts"], done["status"]["outbox"]["attemptKey"]) == (1, "undo:1")
    (receipt,) = tenant.every("Receipt")
    assert receipt["spec"]["payload"]["evidence"] == {
        "job": job["metadata"]["name"],
        "pod": f"{job['metadata']['name']}-1",
        "container": "undo",
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": STARTED,
        "finishedAt": ENDED,
        "message": None,
        "log": None,
    }


def killed_at_work(tenant: Tenant, start: StartOperator, **job: Any) -> Node:
    """The Job of an undo whose operator has been killed."""
    with start(*SOON) as first:
        node = asked_for(tenant, "undo", **job)
        first.process.kill()
        first.process.wait()
    return node


def test_n11_what_runs_on_while_frozen_comes_to_its_end_in_other_hands(
    tenant: Tenant, start: StartOperator
) -> None:
    node = killed_at_work(tenant, start)
    with frozen(tenant, tenant.namespace), start("--lease-seconds", "3"):
        taken = tenant.wait_until("Compensation", "undo", lambda one: "Frozen" in conditions(one))
        assert taken["status"]["phase"] == "Running"
        node.ends(0)
        done = tenant.in_phase("undo", "Completed")
    assert done["status"]["attempts"] == len(node.jobs()) == 1


def test_n11_a_job_that_is_gone_is_not_created_again_while_frozen(
    tenant: Tenant, start: StartOperator
) -> None:
    node = killed_at_work(tenant, start, retrySafety="Natural")
    node.is_deleted()
    annotate(tenant, tenant.namespace, {FREEZE: "incident 42"})
    with start("--lease-seconds", "3"):
        held = tenant.ready("Compensation", "undo", "Frozen")  # only who has looked for it says so
        assert held["status"]["phase"] == "Running"
        assert node.jobs() == []

        annotate(tenant, tenant.namespace, {FREEZE: None})
        node.runs()
        node.ends(0)
        done = tenant.in_phase("undo", "Completed")
    assert (done["status"]["attempts"], done["status"]["outbox"]["attemptKey"]) == (1, "undo:1")


def test_a_dead_letter_is_sent_again_by_a_job_that_outlives_the_operator(
    tenant: Tenant, start: StartOperator
) -> None:
    retry = {"job": {"template": TEMPLATE}}
    with start(*SOON) as first:
        letter = failed(tenant, retry=retry)
        decide(tenant, letter, "Retry")
        node = Node(tenant)
        node.runs()
        first.process.kill()
        first.process.wait()
    node.ends(0)
    with start(*SOON):
        resolved = in_phase(tenant, letter, "Resolved")

    assert resolved["status"]["dispatch"]["count"] == 1
    assert len(node.jobs()) == 1


@pytest.fixture(scope="module")
def jobs_running(start: StartOperator) -> Any:
    """The operator for the tests that do not end it."""
    with start(*SOON) as operator:
        yield operator


def test_the_job_is_the_runners_and_says_whose_it_is(
    tenant: Tenant, jobs_running: RunningOperator
) -> None:
    node = asked_for(tenant, "undo")
    (job,) = node.jobs()
    undo = tenant.read("Compensation", "undo")
    meta, spec = job["metadata"], job["spec"]

    assert meta["ownerReferences"] == [
        {
            "apiVersion": "amends.dev/v1alpha1",
            "kind": "Compensation",
            "name": "undo",
            "uid": undo["metadata"]["uid"],
            "controller": False,
            "blockOwnerDeletion": False,
        }
    ]
    assert meta["annotations"]["amends.dev/attempt-key"] == "undo:1"
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 60)
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("Never", "amends-runner")
    assert {one["name"]: one.get("value") for one in pod["containers"][0]["env"]} == {
        "AMENDS_IDEMPOTENCY_KEY": f"amends:{tenant.namespace}/{undo['metadata']['uid']}",
        "AMENDS_ATTEMPT_KEY": "undo:1",
        "AMENDS_NAMESPACE": tenant.namespace,
        "AMENDS_KIND": "Compensation",
        "AMENDS_NAME": "undo",
        "AMENDS_UID": undo["metadata"]["uid"],
        "AMENDS_RUN_ID": None,
    }
    node.ends(0)
    tenant.in_phase("undo", "Completed")


def test_what_is_cancelled_while_it_runs_is_stopped_and_says_what_is_known(
    tenant: Tenant, jobs_running: RunningOperator
) -> None:
    node = asked_for(tenant, "undo")

    tenant.change("undo", cancel=True)

    wait_for(node.is_being_deleted, seconds=SECONDS, what="the Job to be stopped")
    node.is_collected()
    cancelled = tenant.in_phase("undo", "Cancelled")
    assert node.jobs() == []
    assert cancelled["status"]["outbox"]["outcome"] == "Unknown"
    reason = cancelled["status"]["reason"]
    assert "nobody has attested to attempt undo:1, which may have had its effect: Job " in reason
    assert "was stopped, as spec.cancel is true; it had begun" in reason


@pytest.mark.parametrize(
    ("end", "phase", "words"),
    [
        pytest.param(
            lambda node: node.ends(7, '{"outcome": "NotApplied", "retryable": false}'),
            "Failed",
            "said: no reason given",
            id="it says that it did nothing, and never will",
        ),
        pytest.param(
            lambda node: node.ends(9),
            "Running",
            "ended with exit code 9 (Error): that does not say",
            id="nobody knows",
        ),
    ],
)
def test_what_became_of_it_is_a_condition(
    end: Callable[[Node], None],
    phase: str,
    words: str,
    tenant: Tenant,
    jobs_running: RunningOperator,
) -> None:
    end(asked_for(tenant, "undo"))

    ended = tenant.wait_until(
        "Compensation", "undo", lambda one: condition(one, "Stalled").get("status") == "True"
    )

    assert ended["status"]["phase"] == phase
    assert words in condition(ended)["message"]


def test_what_the_server_refuses_is_failed_with_its_words(
    tenant: Tenant, jobs_running: RunningOperator
) -> None:
    obj = by_job("undo")
    obj["spec"]["execution"]["job"]["template"] = {"spec": {"containers": [{"name": "a"}]}}
    tenant.create(obj)
    tenant.approve("undo")

    ended = tenant.in_phase("undo", "Failed")

    assert "spec.template.spec.containers[0].image: Required value" in condition(ended)["message"]
    assert condition(ended, "Stalled")["reason"] == "Failed"


@pytest.mark.parametrize(
    ("resource", "verb"),
    [
        pytest.param("jobs", "create", id="it may not create Jobs"),
        pytest.param("pods", "list", id="nobody could see how its Job ends"),
    ],
)
def test_a_runner_without_the_rights_begins_nothing_and_they_are_named(
    resource: str, verb: str, tenant: Tenant, jobs_running: RunningOperator
) -> None:
    role = next(yaml.safe_load_all((RBAC / "tenant-jobs.yaml").read_text()))
    rules = [rule for rule in role["rules"] if rule["resources"] != [resource]]
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{tenant.namespace}/roles"
    tenant.installed.user("admin").call("PUT", f"{roles}/amends-runs-jobs", role | {"rules": rules})
    runner = f"system:serviceaccount:{tenant.namespace}:amends-runner"
    group = "batch" if resource == "jobs" else ""
    tenant.wait_until_allowed(
        {"kind": "User", "name": runner}, (group, resource, verb, ""), allowed=False
    )
    tenant.create(by_job("undo"))
    tenant.approve("undo")

    ended = tenant.in_phase("undo", "Failed")

    assert (
        f"was not created: service account amends-runner may not {verb} {resource}: bind it to the "
        f"Role amends-runs-jobs of namespace {tenant.namespace}, as tenant-jobs.yaml does, or with "
        f"the chart tenants.{tenant.namespace}.runner.jobs: true: set spec.cancel"
    ) in condition(ended)["message"]
    assert condition(ended, "Stalled")["reason"] == "Failed"
    assert Node(tenant).jobs() == []


def test_a_template_that_can_make_no_job_is_said_so_before_anybody_approves(
    tenant: Tenant, jobs_running: RunningOperator
) -> None:
    obj = by_job("undo")
    obj["spec"]["execution"]["job"]["template"] = {"spec": {"containers": []}}
    tenant.create(obj)

    stalled = tenant.ready("Compensation", "undo", "NotExecutable")

    assert (
        "job.template.spec.containers must be a list of exactly one container"
        in (condition(stalled)["message"])
    )


def test_constrained_impersonation_is_enough_and_lets_the_operator_do_nothing_else(
    tenant: Tenant, jobs_running: RunningOperator
) -> None:
    admin, operator = tenant.installed.user("admin"), tenant.installed.user("operator")
    (role,) = list(yaml.safe_load_all((RBAC / "tenant-constrained.yaml").read_text()))
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{tenant.namespace}/roles"
    admin.call("PUT", f"{roles}/amends-act-as-runner", role)
    account = {
        "kind": "User",
        "name": f"system:serviceaccount:{SYSTEM_NAMESPACE}:{SERVICE_ACCOUNT}",
    }
    acting = ("authentication.k8s.io", "serviceaccounts", "impersonate:serviceaccount")
    tenant.wait_until_allowed(account, (*acting, "amends-runner"))
    runner = f"system:serviceaccount:{tenant.namespace}:amends-runner"
    tenant.let(runner, ("", "secrets", "create", ""))

    node = asked_for(tenant, "undo")
    node.ends(0)
    tenant.in_phase("undo", "Completed")

    secrets = f"/api/v1/namespaces/{tenant.namespace}/secrets"
    as_runner = {"Impersonate-User": runner}
    admin.call("POST", secrets, {"metadata": {"name": "one"}}, headers=as_runner)
    with pytest.raises(Refused) as refused:
        operator.call("POST", secrets, {"metadata": {"name": "two"}}, headers=as_runner)
    assert refused.value.code == 403
