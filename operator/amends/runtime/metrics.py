"""What this process counts about itself, and the page that Prometheus reads it from.

Every metric is in FAMILIES, and docs/metrics.md explains each. The only labels are kinds, executors
and outcomes: nothing that a tenant chooses, so no tenant can make the page grow.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from amends.api import KINDS
from amends.kube.cache import OPEN_WORK

Labels = tuple[str, ...]
Values = Mapping[Labels, float]

WATCHED = tuple((kind,) for kind in OPEN_WORK)
MAY_BE_UNKNOWN = (("Action",), ("Compensation",), ("DeadLetter",))
EVERY = tuple((kind.__name__,) for kind in KINDS)


@dataclass(frozen=True)
class Family:
    """One metric; a counter if its name ends with _total. start: what is shown as 0 at first."""

    name: str
    help: str
    labels: Labels = ()
    start: tuple[Labels, ...] = ()


LEADER = Family("amends_leader", "1 while this process holds the Lease and works, else 0.")
POLICIES_ENFORCED = Family(
    "amends_policies_enforced",
    "1 while every admission policy stands and the API server obeys, else 0: then nothing begins.",
)
OPEN = Family("amends_open_objects", "Open objects held in memory.", ("kind",), WATCHED)
UNREADABLE = Family(
    "amends_unreadable_objects",
    "Open objects that do not fit this version's schema and are left as they are.",
    ("kind",),
    WATCHED,
)
QUEUE = Family("amends_queue_length", "Objects that wait to be looked at, or are looked at now.")
PASSES = Family("amends_reconcile_passes_total", "Looks at an object.", ("kind",), WATCHED)
FAILURES = Family(
    "amends_reconcile_failures_total",
    "Looks that ended in a fault and are repeated; a conflict now and then is normal.",
    ("kind",),
    WATCHED,
)
ATTEMPTS = Family(
    "amends_attempts_total",
    "Attempts to change the outside world that have ended, by what is known of the effect.",
    ("executor", "outcome"),
)
UNKNOWN = Family(
    "amends_unknown_outcomes",
    "Open objects of whose attempt nobody knows whether it had its effect.",
    ("kind",),
    MAY_BE_UNKNOWN,
)
UNKNOWN_OLDEST = Family(
    "amends_unknown_outcome_oldest_seconds",
    "For how long the oldest of them has been unknown; 0: there is none.",
    ("kind",),
    MAY_BE_UNKNOWN,
)
ESCALATED = Family(
    "amends_escalated_objects", "Open Compensations that have escalated and still need a person."
)
UNDELIVERED = Family(
    "amends_escalation_notices_undelivered",
    "Notices of those that no receiver has acknowledged, though they were sent.",
)
NOTICES = Family(
    "amends_escalation_deliveries_total",
    "Attempts to deliver a notice of an escalation that have ended, by what they came to.",
    ("outcome",),
    (("Delivered",), ("NotDelivered",)),
)
EVENTS_DROPPED = Family(
    "amends_events_dropped_total", "Kubernetes Events that were not written, most by rate limit."
)
DELETED = Family(
    "amends_retention_deleted_total", "Records that the sweep deleted.", ("kind",), EVERY
)
KEPT_BACK = Family(
    "amends_retention_kept_back_total",
    "Records that the sweep selected and then left: somebody had changed or needed them.",
    ("kind",),
    EVERY,
)
EXPORTED = Family(
    "amends_retention_exported_total", "Records that the sweep exported.", ("kind",), EVERY
)
EXPORT_FAILURES = Family(
    "amends_retention_export_failures_total",
    "Sweeps that ended because a record could not be exported; nothing was deleted after that.",
)
LAST_SWEEP = Family(
    "amends_retention_last_sweep_timestamp_seconds",
    "When a sweep last went through every namespace without a failure, as Unix time; 0: never.",
)

FAMILIES = (
    LEADER,
    POLICIES_ENFORCED,
    OPEN,
    UNREADABLE,
    QUEUE,
    PASSES,
    FAILURES,
    ATTEMPTS,
    UNKNOWN,
    UNKNOWN_OLDEST,
    ESCALATED,
    UNDELIVERED,
    NOTICES,
    EVENTS_DROPPED,
    DELETED,
    KEPT_BACK,
    EXPORTED,
    EXPORT_FAILURES,
    LAST_SWEEP,
)


class CannotServe(Exception):
    """Nothing can be served at the address; the message says which option is meant."""


class Metrics(Collector):
    """Numbers of one process, in one event loop; no globals, no locks."""

    def __init__(self) -> None:
        self._counted: dict[Family, Counter[Labels]] = {}
        self._read: dict[Family, Callable[[], Values]] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def count(self, family: Family, *labels: str) -> None:
        """One more."""
        self._counted.setdefault(family, Counter())[labels] += 1

    def set(self, family: Family, value: float) -> None:
        """From now on it is this."""
        self.show(family, lambda: {(): value})

    def show(self, family: Family, read: Callable[[], Values]) -> None:
        """Ask whenever the page is read."""
        self._read[family] = read

    def value(self, family: Family, *labels: str) -> float:
        """As the page would show it."""
        return self._values(family).get(labels, 0)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Every family, also those of which there is nothing to tell yet."""
        for family in FAMILIES:
            kind = CounterMetricFamily if family.name.endswith("_total") else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for labels, value in self._values(family).items():
                metric.add_metric(labels, value)
            yield metric

    def _values(self, family: Family) -> Values:
        start: tuple[Labels, ...] = family.start if family.labels else ((),)
        told = self._read[family]() if family in self._read else self._counted.get(family, {})
        return {**dict.fromkeys(start, 0.0), **told}

    @asynccontextmanager
    async def served(self, address: str | None) -> AsyncIterator[None]:
        """Serve /metrics at HOST:PORT for as long as the block runs; None: nowhere.

        Raises:
            CannotServe: the address is taken, or not ours.
        """
        if address is None:
            yield
            return
        host, _, port = address.rpartition(":")
        application = web.Application()
        application.router.add_get("/metrics", make_aiohttp_handler(self.registry))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as why:
            await runner.cleanup()
            raise CannotServe(f"--metrics-listen {address}: {why.strerror or why}") from why
        try:
            yield
        finally:
            await runner.cleanup()
