"""Undos by Job that fail on a real node, told by an operator that runs as its own process."""

import json
from pathlib import Path

import yaml

import installation
from installation import RBAC
from node import Node
from support import forked
from support.job_course import LITTLE_DISK, NOWHERE, script
from support.job_site import Object
from support.manifests import compensation
from support.tenant import Installed, Tenant, condition
from waiting import wait_for

SECONDS = 240.0
FAILING: dict[str, tuple[Object, int]] = {
    "evicted": (script("head -c 5000000 /dev/zero > /blob; sleep 600", resources=LITTLE_DISK), 240),
    "deleted": (script("sleep 600"), 240),
    "out-of-memory": (script("tail /dev/zero", resources={"limits": {"memory": "16Mi"}}), 240),
    "never-scheduled": (script("true", spec=NOWHERE), 4),
    "image-not-found": (
        script("true", image="127.0.0.1:1/none:1", imagePullPolicy="Always"),
        240,
    ),
    "too-late": (script("sleep 600"), 15),
}
"""What each runs, and its timeoutSeconds."""


def tell(node: Node, folder: Path) -> dict[str, Object]:
    """Each Compensation, once a person has to look at it. Installs Amends."""
    kubeconfig = installation.install(node)
    everything = Installed(node, kubeconfig)
    tenant = everything.tenant("told", annotations={})
    roles = list(yaml.safe_load_all((RBAC / "tenant-jobs.yaml").read_text()))
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": roles})
    node.kubectl("create", "-n", tenant.namespace, "-f", "-", input=listed)
    tenant.let("bob", ("batch", "jobs", "create", ""))
    try:
        with forked.running_operator(kubeconfig, folder / "operator.log"):
            for name, (template, seconds) in FAILING.items():
                tenant.create(_undo(name, template, seconds))
            for name in FAILING:
                tenant.approve(name)
            _delete_pod(tenant, "deleted")
            return {name: _stalled(tenant, name) for name in FAILING}
    finally:
        everything.close()


def _undo(name: str, template: Object, seconds: int) -> Object:
    undo = compensation(name, timeoutSeconds=seconds, retry={"maxAttempts": 1})
    undo["spec"]["execution"] = {"job": {"template": template}}
    return undo


def _stalled(tenant: Tenant, name: str) -> Object:
    return tenant.wait_until(
        "Compensation",
        name,
        lambda one: condition(one, "Stalled").get("status") == "True",
        seconds=SECONDS,
    )


def _delete_pod(tenant: Tenant, name: str) -> None:
    """Once its program runs."""
    admin, space = tenant.installed.user("admin"), tenant.namespace
    uid = tenant.read("Compensation", name)["metadata"]["uid"]
    found: list[str] = []

    def runs() -> bool:
        jobs = admin.call("GET", f"/apis/batch/v1/namespaces/{space}/jobs")["items"]
        ours = [job for job in jobs if job["metadata"]["ownerReferences"][0]["uid"] == uid]
        pods = admin.call("GET", f"/api/v1/namespaces/{space}/pods")["items"]
        found[:] = [
            pod["metadata"]["name"]
            for pod in pods
            for job in ours
            if pod["metadata"]["labels"]["job-name"] == job["metadata"]["name"]
            and pod["status"].get("phase") == "Running"
        ]
        return bool(found)

    wait_for(runs, seconds=SECONDS, what=f"the pod of {name} to run")
    admin.call("DELETE", f"/api/v1/namespaces/{space}/pods/{found[0]}", {})
