"""What whoever runs the operator may choose."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from amends.core.namespace import KEEP_ALL
from amends.executors.targets import DEFAULT_ALLOWED
from amends.kube.lease import LeaseSettings
from amends.runtime.breakers import SHORTEST


@dataclass(frozen=True)
class Settings:
    """Everything `amends run` takes, with its defaults."""

    kubeconfig: Path | None = None
    """None: the pod's service account."""
    allowed_targets: tuple[str, ...] = DEFAULT_ALLOWED
    """Origins that the http executor may call."""
    lease: LeaseSettings = field(default_factory=lambda: LeaseSettings(namespace="amends-system"))
    claim: timedelta = timedelta(minutes=5)
    """How long a claim on one attempt lasts; it is renewed while the executor works."""
    gitops_agents: tuple[str, ...] = ()
    """Service accounts that the policies let decide, because they apply what people merged."""
    workers: int = 32
    """Objects that are looked at side by side."""
    executions: int = 64
    """Attempts that are under way side by side; as many Jobs are waited for besides."""
    breaker: timedelta = SHORTEST
    """How long a target that was found down is left alone first; while it stays down, longer."""
    resync: timedelta = timedelta(minutes=10)
    """How often the cache is compared with the server, whatever the watch said."""
    drain: timedelta = timedelta(seconds=20)
    """How long attempts under way may go on when the process is asked to stop."""
    health_listen: str | None = None
    """HOST:PORT of /healthz; None: no probe is served."""
    metrics_listen: str | None = None
    """HOST:PORT of /metrics; None: no metrics are served."""
    retention: timedelta = KEEP_ALL
    """How long settled records stay where the namespace does not say; zero: for ever."""
    sweep: timedelta = timedelta(hours=1)
    """How often it is looked for records that may go."""
    sweep_rate: float = 10
    """How many records a sweep deletes in a second at most."""
    export_to: str | None = None
    """The file in which a record is kept before it is deleted; `-`: standard output."""
