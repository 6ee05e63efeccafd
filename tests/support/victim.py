"""A tenant that others attack: everything of it holds a word that nobody else knows."""

from dataclasses import dataclass

from integration.cluster import PLURALS
from support.api import path_of
from support.manifests import action, compensation
from support.target import Route
from support.tenant import Tenant

WORD = "kestrel-7391"
"""Only the victim's objects hold it."""
KEY = "run-shared/post"
RUN = "run-shared"
CORE = ("secrets", "serviceaccounts", "configmaps")
OTHERS = {
    "events": "/apis/events.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
}


@dataclass(frozen=True)
class Victim:
    """A tenant of carol's, where something waits, something failed, and something is done."""

    tenant: Tenant
    route: Route
    letter: str
    effect: str
    receipt: str

    @property
    def namespace(self) -> str:
        """Its namespace, which is no secret."""
        return self.tenant.namespace

    def versions(self) -> dict[str, str]:
        """Every object of it, and the version that it is in."""
        admin = self.tenant.installed.user("admin")
        paths = [path_of(kind, self.namespace) for kind in PLURALS]
        paths += [f"/api/v1/namespaces/{self.namespace}/{plural}" for plural in CORE]
        paths += [f"{root}/namespaces/{self.namespace}/{plural}" for plural, root in OTHERS.items()]
        found = {
            f"{path.rpartition('/')[2]} {one['metadata']['name']}": str(
                one["metadata"]["resourceVersion"]
            )
            for path in paths
            for one in admin.call("GET", path)["items"]
        }
        itself = admin.call("GET", f"/api/v1/namespaces/{self.namespace}")
        return {**found, "namespace": str(itself["metadata"]["resourceVersion"])}


def at_rest(tenant: Tenant, route: Route) -> Victim:
    """carol's work, of which something waits, something failed and something is done.

    None of it moves by itself: whatever does from now on was moved by somebody else.
    """
    tenant.secret("board", token=WORD)
    tenant.runner_may_read("board")
    tenant.installed.cp.kubectl(
        *("create", "rolebinding", "people-read-board", "-n", tenant.namespace),
        *("--role=read-board", "--group=tenant-b"),
    )
    secret = {"secretKeyRef": {"name": "board", "key": "token"}}
    http = {
        "method": "POST",
        "url": route.url,
        "headers": [
            {"name": "X-Word", "value": WORD},
            {"name": "Authorization", "valueFrom": secret},
        ],
    }
    undo = {"name": "undo", "execution": {"http": http}, "rollbackInstruction": WORD}
    failed = action(
        "post", idempotencyKey=KEY, runId=RUN, target=WORD, error=WORD, compensation=undo
    )
    failed["metadata"]["labels"] = {"word": WORD}
    tenant.create(failed, "carol")
    effect = tenant.ready("Action", "post", "Recorded")["status"]["effect"]["id"]
    letter = f"dead-letter-{effect}"
    tenant.ready("DeadLetter", letter, "AwaitingCompensation")
    tenant.ready("Compensation", "undo", "AwaitingApproval")
    tenant.create(compensation("done", runId=RUN, rollbackInstruction=WORD), "carol")
    tenant.approve("done", "admin", name="yes", reason=WORD)
    receipt = tenant.in_phase("done", "Completed")["status"]["receiptRef"]["name"]
    tenant.ready("Approval", "yes", "Counted")
    return Victim(tenant, route, letter, str(effect), str(receipt))
