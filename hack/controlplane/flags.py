"""What each component of a control plane is told on its command line."""

from pathlib import Path

from identities import Keys

ADDRESSES = ("127.0.0.1", "10.0.0.1")
"""Where the API server can be met: the loopback interface, and its own service's address."""

TOKENS = "keys/tokens.csv"
POLICY = "audit-policy.json"
AUDIT_LOG = "audit.jsonl"

SERVICES = "10.0.0.0/24"
_ISSUER = "https://kubernetes.default.svc"
_READS = ["get", "list", "watch", "head", "options"]

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "users": ["system:serviceaccount:amends-system:amends"]},
        {"level": "Metadata", "verbs": _READS, "resources": [{"group": "amends.dev"}]},
        {"level": "None", "verbs": _READS},
        {"level": "Metadata"},
    ],
}
"""Every write; of the reads our own API group's, and all that the operator's account asks."""


def for_etcd(data: Path, port: int = 0) -> list[str]:
    """etcd without waiting for a disk nobody needs to trust; on ports the kernel picks.

    With a port for its clients it also answers in JSON: for that it calls itself, at the address it
    was told.
    """
    anywhere = "http://127.0.0.1:0"
    return [
        f"--data-dir={data}",
        f"--listen-client-urls=http://127.0.0.1:{port}",
        f"--advertise-client-urls={anywhere}",
        f"--listen-peer-urls={anywhere}",
        f"--initial-advertise-peer-urls={anywhere}",
        f"--initial-cluster=default={anywhere}",
        "--unsafe-no-fsync",
    ]


def for_apiserver(home: Path, *, port: int, etcd: str, keys: Keys) -> list[str]:
    """An API server that knows its users by their tokens and asks RBAC what they may do."""
    return [
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        # No other server to agree with, and a loopback address is not a valid endpoint.
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--cert-dir={keys.authority.parent}",
        f"--tls-cert-file={keys.serving_certificate}",
        f"--tls-private-key-file={keys.serving_key}",
        "--anonymous-auth=false",
        f"--token-auth-file={home / TOKENS}",
        "--authorization-mode=RBAC",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={keys.token_key}",
        f"--service-account-signing-key-file={keys.token_key}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--audit-policy-file={home / POLICY}",
        f"--audit-log-path={home / AUDIT_LOG}",
        "--audit-log-maxsize=1000000",  # MB: one file, however long it runs; 0 would be 100 MB
    ]


def for_controller_manager(*, kubeconfig: Path, keys: Keys) -> list[str]:
    """All controllers, each under its own service account, so the audit log tells them apart."""
    return [
        f"--kubeconfig={kubeconfig}",
        "--use-service-account-credentials",
        f"--root-ca-file={keys.authority}",
        f"--service-account-private-key-file={keys.token_key}",
        f"--service-cluster-ip-range={SERVICES}",
        "--leader-elect=false",
        "--secure-port=0",
        # The default of 20 a second makes it hold itself back for seconds while it starts.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def for_scheduler(*, kubeconfig: Path) -> list[str]:
    """Where there is a node, a real or a fake one, somebody has to choose it."""
    return [f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0"]
