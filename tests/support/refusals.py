"""What the operator must not do, in words and as the API server is asked."""

from dataclasses import dataclass, field
from typing import Final

AMENDS: Final = "amends.dev/v1alpha1"
RBAC: Final = "rbac.authorization.k8s.io/v1"
ADMISSION: Final = "admissionregistration.k8s.io/v1"
SYSTEM: Final = "amends-system"
TENANT: Final = "{tenant}"
STRANGER: Final = "{stranger}"
"""A namespace that has not been made a tenant."""

METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}


@dataclass(frozen=True)
class MustNot:
    """One request that RBAC refuses; `words` say what would be wrong with it."""

    words: str
    verb: str
    resource: str
    """With its subresource, as in `pods/exec`."""
    api: str = "v1"
    namespace: str = ""
    name: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.words

    @property
    def group(self) -> str:
        """The API group; empty is the core."""
        return self.api.partition("/")[0] if "/" in self.api else ""

    def path(self, namespace: str) -> str:
        """Where it is asked for."""
        resource, _, part = self.resource.partition("/")
        root = f"/apis/{self.api}" if self.group else f"/api/{self.api}"
        scope = ["namespaces", namespace] if namespace else []
        return "/".join(step for step in [root, *scope, resource, self.name, part] if step)


def secrets_and_identities() -> list[MustNot]:
    """What would give it somebody's credentials or name."""
    return [
        MustNot("read a tenant's Secret itself", "get", "secrets", "v1", TENANT, "board"),
        MustNot("list a tenant's Secrets", "list", "secrets", "v1", TENANT),
        MustNot("list every Secret there is", "list", "secrets"),
        MustNot("watch every Secret there is", "watch", "secrets"),
        MustNot("read a Secret of its own namespace", "get", "secrets", "v1", SYSTEM, "own"),
        MustNot("read a Secret of kube-system", "get", "secrets", "v1", "kube-system", "any"),
        MustNot("plant a Secret", "create", "secrets", "v1", TENANT),
        MustNot("change a Secret", "patch", "secrets", "v1", TENANT, "board"),
        MustNot("delete a Secret", "delete", "secrets", "v1", TENANT, "board"),
        MustNot("delete every Secret of a tenant", "deletecollection", "secrets", "v1", TENANT),
        MustNot("read a ConfigMap", "get", "configmaps", "v1", TENANT, "settings"),
        MustNot("list ConfigMaps", "list", "configmaps", "v1", SYSTEM),
        MustNot("change the cluster's trusted roots", *("patch", "configmaps", "v1"), TENANT, "ca"),
        MustNot("make a service account", "create", "serviceaccounts", "v1", TENANT),
        MustNot("change the runner", "patch", "serviceaccounts", "v1", TENANT, "amends-runner"),
        MustNot("list service accounts", "list", "serviceaccounts"),
        MustNot(
            *("make a token of the runner", "create", "serviceaccounts/token"),
            *("v1", TENANT, "amends-runner"),
        ),
        MustNot(
            *("make itself a longer token", "create", "serviceaccounts/token"),
            *("v1", SYSTEM, "amends"),
        ),
        MustNot(
            *("find out whose token it holds", "create", "tokenreviews"), "authentication.k8s.io/v1"
        ),
        MustNot(
            *("ask what others may do", "create", "subjectaccessreviews"), "authorization.k8s.io/v1"
        ),
        MustNot(
            *("request a certificate", "create", "certificatesigningrequests"),
            "certificates.k8s.io/v1",
        ),
        MustNot(
            *("approve a certificate", "update", "certificatesigningrequests/approval"),
            *("certificates.k8s.io/v1", "", "any"),
        ),
    ]


def workloads() -> list[MustNot]:
    """What would let it run code or look into what runs."""
    return [
        MustNot("run a Pod", "create", "pods", "v1", TENANT),
        MustNot("run a Pod beside itself", "create", "pods", "v1", SYSTEM),
        MustNot("look at Pods", "list", "pods", "v1", TENANT),
        MustNot("read a Pod's log", "get", "pods/log", "v1", TENANT, "web"),
        MustNot("run a command in a Pod", "create", "pods/exec", "v1", TENANT, "web"),
        MustNot("attach to a Pod", "create", "pods/attach", "v1", TENANT, "web"),
        MustNot("forward a port of a Pod", "create", "pods/portforward", "v1", TENANT, "web"),
        MustNot(
            *("put a container into a Pod", "patch", "pods/ephemeralcontainers", "v1"),
            *(TENANT, "web"),
        ),
        MustNot("evict a Pod", "create", "pods/eviction", "v1", TENANT, "web"),
        MustNot("delete a Pod", "delete", "pods", "v1", TENANT, "web"),
        MustNot("run a Job itself", "create", "jobs", "batch/v1", TENANT),
        MustNot("delete a Job", "delete", "jobs", "batch/v1", TENANT, "nightly"),
        MustNot("run a CronJob", "create", "cronjobs", "batch/v1", TENANT),
        MustNot("run a Deployment", "create", "deployments", "apps/v1", TENANT),
        MustNot("change its own Deployment", "patch", "deployments", "apps/v1", SYSTEM, "amends"),
        MustNot("scale a Deployment", "patch", "deployments/scale", "apps/v1", TENANT, "web"),
        MustNot("run a DaemonSet", "create", "daemonsets", "apps/v1", TENANT),
        MustNot("list nodes", "list", "nodes"),
        MustNot("change a node", "patch", "nodes", "v1", "", "node-1"),
        MustNot("speak with a kubelet", "get", "nodes/proxy", "v1", "", "node-1"),
        MustNot("reach a Service through the server", "get", "services/proxy", "v1", TENANT, "web"),
        MustNot("change a Service", "patch", "services", "v1", TENANT, "web"),
        MustNot(*("open the network", "create", "networkpolicies", "networking.k8s.io/v1"), TENANT),
        MustNot("claim storage", "create", "persistentvolumeclaims", "v1", TENANT),
    ]


def the_rules() -> list[MustNot]:
    """What would change who may do what."""
    return [
        MustNot("make a Role", "create", "roles", RBAC, TENANT),
        MustNot("widen the runner's Role", "patch", "roles", RBAC, TENANT, "amends-act-as-runner"),
        MustNot("bind a Role", "create", "rolebindings", RBAC, TENANT),
        MustNot("make a ClusterRole", "create", "clusterroles", RBAC),
        MustNot(
            "widen its own ClusterRole", *("patch", "clusterroles"), RBAC, "", "amends-operator"
        ),
        MustNot("escalate a ClusterRole", "escalate", "clusterroles", RBAC, "", "cluster-admin"),
        MustNot("bind cluster-admin", "bind", "clusterroles", RBAC, "", "cluster-admin"),
        MustNot("bind itself cluster-wide", "create", "clusterrolebindings", RBAC),
        MustNot("read who is bound", "list", "clusterrolebindings", RBAC),
        MustNot("write a policy", "create", "validatingadmissionpolicies", ADMISSION),
        MustNot(
            *("loosen a policy", "patch", "validatingadmissionpolicies", ADMISSION, ""),
            "amends-prove-approvals",
        ),
        MustNot(
            *("take a policy away", "delete", "validatingadmissionpolicies", ADMISSION, ""),
            "amends-prove-approvals",
        ),
        MustNot(
            *("unbind a policy", "delete", "validatingadmissionpolicybindings", ADMISSION, ""),
            "amends-prove-approvals",
        ),
        MustNot(
            *("change what stamps", "patch", "mutatingadmissionpolicies", ADMISSION, ""),
            "amends-stamp",
        ),
        MustNot("put a webhook in", "create", "mutatingwebhookconfigurations", ADMISSION),
        MustNot("put a webhook in the way", "create", "validatingwebhookconfigurations", ADMISSION),
        MustNot(
            *("change a CRD", "patch", "customresourcedefinitions", "apiextensions.k8s.io/v1", ""),
            "compensations.amends.dev",
        ),
        MustNot(
            *("delete a CRD, and every record with it", "delete", "customresourcedefinitions"),
            *("apiextensions.k8s.io/v1", "", "receipts.amends.dev"),
        ),
        MustNot("serve an API itself", "create", "apiservices", "apiregistration.k8s.io/v1"),
        MustNot("make a namespace", "create", "namespaces"),
        MustNot("annotate a namespace", "patch", "namespaces", "v1", TENANT, TENANT),
        MustNot("delete a namespace", "delete", "namespaces", "v1", TENANT, TENANT),
        MustNot("finish a namespace off", "update", "namespaces/finalize", "v1", TENANT, TENANT),
        MustNot("raise a quota", "patch", "resourcequotas", "v1", TENANT, "open-work"),
        MustNot(
            *("take another's Lease", "update", "leases", "coordination.k8s.io/v1", SYSTEM),
            "another",
        ),
        MustNot(
            *("read another's Lease", "get", "leases", "coordination.k8s.io/v1", SYSTEM, "another")
        ),
        MustNot(
            *("take a controller's Lease", "update", "leases", "coordination.k8s.io/v1"),
            *("kube-system", "kube-controller-manager"),
        ),
        MustNot("delete its Lease", "delete", "leases", "coordination.k8s.io/v1", SYSTEM, "amends"),
        MustNot("list Leases", "list", "leases", "coordination.k8s.io/v1", SYSTEM),
        MustNot("read events", "list", "events", "events.k8s.io/v1", TENANT),
        MustNot("rewrite events", "patch", "events", "events.k8s.io/v1", TENANT, "any"),
        MustNot("delete events", "deletecollection", "events", "events.k8s.io/v1", TENANT),
    ]


def our_own_kinds() -> list[MustNot]:
    """What would let it ask, decide, or rewrite what was asked and decided."""
    plurals = ("actions", "approvals", "compensations", "deadletters", "dispositions", "receipts")
    asked = [
        MustNot(f"ask with {plural}", "create", plural, AMENDS, TENANT)
        for plural in ("actions", "approvals", "dispositions")
    ]
    written = [
        MustNot(f"{verb} the spec of {plural}", verb, plural, AMENDS, TENANT, "any")
        for plural in plurals
        for verb in ("update", "patch")
    ]
    swept = [
        MustNot(f"delete all {plural} at once", "deletecollection", plural, AMENDS, TENANT)
        for plural in plurals
    ]
    replaced = [
        MustNot(f"replace {plural} whole", "update", f"{plural}/status", AMENDS, TENANT, "any")
        for plural in plurals
    ]
    return [
        *asked,
        *written,
        *swept,
        *replaced,
        MustNot("watch receipts", "watch", "receipts", AMENDS),
        MustNot("write into receipts", "patch", "receipts/status", AMENDS, TENANT, "any"),
        MustNot("approve", "approve", "compensations", AMENDS, TENANT, "any"),
    ]


MUST_NOT: Final = [
    *secrets_and_identities(),
    *workloads(),
    *the_rules(),
    *our_own_kinds(),
]
