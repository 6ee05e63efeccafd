"""Where campaigns are fought: a control plane with Amends as it is installed, and its people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

import installation
from amends.api import KINDS
from amends.ports import Raw
from chaos.rig import Stage
from controlplane import ControlPlane
from installation import RBAC
from integration.objects import named
from waiting import wait_for

ACTION = named("Action", "probe")
APPROVAL = named("Approval", "probe")
RBAC_API = "rbac.authorization.k8s.io/v1"


def _group(name: str) -> Raw:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


_PEOPLE, _RUNNERS = _group("tenant-a"), _group("system:serviceaccounts")


@contextmanager
def grounds(*, token_seconds: int = 3600) -> Iterator[tuple[ControlPlane, Stage]]:
    """Amends as it is installed, with one tenant's people let into every namespace.

    There is a namespace for every crash point. Rights bound once for all of them save six calls of
    kubectl each; who may do what in a tenant is tested elsewhere.
    """
    with ControlPlane.start() as cp:
        kubeconfig = installation.install(cp, token_seconds=token_seconds)
        for role in ("amends-viewer", "amends-responder", "amends-approver"):
            cp.kubectl(
                *("create", "clusterrolebinding", f"chaos-{role}"),
                *(f"--clusterrole={role}", "--group=tenant-a"),
            )
        cp.kubectl("create", "-f", "-", input=json.dumps(_rights_of_runners()))
        wait_for(lambda: _is_in_force(cp), seconds=60, what="kinds to be served, people stamped")
        yield cp, Stage(kubeconfig, *map(cp.kubeconfig, ("admin", "bob", "alice")))


def _rights_of_runners() -> Raw:
    """What the files for a tenant's namespace grant, and what plans by Job and of objects need."""
    files = ("tenant.yaml", "tenant-jobs.yaml")
    found = [one for file in files for one in yaml.safe_load_all((RBAC / file).read_text())]
    items = [
        *(_everywhere(one) for one in found if one["kind"] != "ServiceAccount"),
        *_granted("chaos-objects", _RUNNERS, "", "configmaps", "get", "delete", "patch"),
        *_granted("chaos-secrets", _RUNNERS, "", "secrets", "get"),
        *_granted("chaos-plans", _PEOPLE, "", "secrets", "use"),
        *_granted("chaos-jobs", _PEOPLE, "batch", "jobs", "create"),
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _everywhere(raw: Raw) -> Raw:
    """A Role or its binding, for the whole cluster and every runner."""
    of_cluster = {**raw, "kind": f"Cluster{raw['kind']}"}
    if "roleRef" in raw:
        of_cluster["roleRef"] = {**raw["roleRef"], "kind": "ClusterRole"}
        of_cluster["subjects"] = [
            one if "namespace" in one else _RUNNERS for one in raw["subjects"]
        ]
    return of_cluster


def _granted(name: str, to: Raw, group: str, resource: str, *verbs: str) -> tuple[Raw, Raw]:
    api, metadata = RBAC_API, {"name": name}
    rule = {"apiGroups": [group], "resources": [resource], "verbs": [*verbs]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    return (
        {"apiVersion": api, "kind": "ClusterRole", "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": api,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": [to],
        },
    )


def _is_in_force(cp: ControlPlane) -> bool:
    """An API server takes a moment to serve a new CRD, and to obey a new policy."""
    kinds = ",".join(kind.SERVED.plural for kind in KINDS)
    if cp.kubectl("get", kinds, "-A", check=False).returncode != 0:
        return False
    asked = ("create", "--dry-run=server", "-o", "json", "-f", "-")
    for user, tried, stamp in (("bob", ACTION, "requester"), ("alice", APPROVAL, "actor")):
        answer = cp.kubectl(*asked, user=user, input=json.dumps(tried), check=False)
        if answer.returncode != 0 or stamp not in json.loads(answer.stdout)["spec"]:
            return False
    return True
