"""Where campaigns are fought: a control plane with Amends as it is installed, and its people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import installation
from amends.api import KINDS
from chaos.rig import Stage
from controlplane import ControlPlane
from integration.objects import named
from waiting import wait_for

ACTION = named("Action", "probe")
APPROVAL = named("Approval", "probe")


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
        wait_for(lambda: _is_in_force(cp), seconds=60, what="kinds to be served, people stamped")
        yield cp, Stage(kubeconfig, *map(cp.kubeconfig, ("admin", "bob", "alice")))


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
