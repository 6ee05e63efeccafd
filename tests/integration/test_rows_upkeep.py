"""Row D3: settled records go when their retention is over, exported first; nothing else goes."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.archive import archive_at
from amends.core.records.redaction import redact
from amends.kube.cache import Cache
from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.ports import Namespace, Raw
from amends.runtime import metrics
from amends.runtime.clock import SystemClock
from amends.runtime.metrics import Metrics
from amends.runtime.retention import Sweeper
from installation import RunningOperator
from integration.cluster import PLURALS
from support import manifests
from support.api import Object
from support.tenant import SECONDS, Installed, StartOperator, Tenant
from support.upkeep import free_address, keep_for, metric, told
from waiting import wait_for

pytestmark = pytest.mark.controlplane

GENTLE = ("--sweep-seconds", "1")
FAST = (*GENTLE, "--sweep-rate", "1000")
DIGEST = "sha256:" + "0" * 64


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def ended(days: float, to: str) -> Object:
    """A status whose last transition is so many days old."""
    step = {"from": "Running", "to": to, "time": ago(days), "actor": "amends", "reason": "x"}
    return {"phase": to, "history": [step]}


def cancelled(tenant: Tenant, name: str, days: float = 40) -> None:
    """A Compensation that was cancelled so many days ago."""
    tenant.create(manifests.compensation(name, targetEffect=f"effect-{name}"))
    tenant.write_status("Compensation", name, ended(days, "Cancelled"))


def everything(tenant: Tenant) -> dict[str, Object]:
    """Every object of ours that the tenant has."""
    return {
        f"{kind} {obj['metadata']['name']}": {"kind": kind, **obj}
        for kind in PLURALS
        for obj in tenant.every(kind)
    }


def names(tenant: Tenant, kind: str = "Compensation") -> set[str]:
    return {obj["metadata"]["name"] for obj in tenant.every(kind)}


def sweeps(operator: RunningOperator, tenant: Tenant) -> int:
    """How often the tenant's namespace has been swept."""
    return sum(line["namespace"] == tenant.namespace for line in told(operator, "swept"))


def wait_for_sweeps(operator: RunningOperator, tenant: Tenant, more: int = 2) -> None:
    enough = sweeps(operator, tenant) + more
    # Each goes through every namespace there is, and hundreds of tests have left theirs.
    wait_for(lambda: sweeps(operator, tenant) >= enough, seconds=4 * SECONDS, what="sweeps")


@pytest.fixture
def others(installed: Installed) -> Iterator[list[Tenant]]:
    """Two more tenants, whose namespaces come before and after in no particular order."""
    made = [installed.tenant(manifests.unique("other")) for _ in range(2)]
    yield made
    for one in made:
        one.clear()


def test_d3_the_annotation_of_a_namespace_overrides_the_operators_default(
    tenant: Tenant, others: list[Tenant], start: StartOperator
) -> None:
    keeps_all, as_the_operator = others
    for one in (tenant, keeps_all, as_the_operator):
        cancelled(one, "old")
        cancelled(one, "young", days=20)
    keep_for(tenant, "10d")
    keep_for(keeps_all, "0")
    with start(*FAST, "--retention", "30d") as operator:
        wait_for(lambda: not names(tenant), seconds=SECONDS, what="both to go")
        wait_for(lambda: names(as_the_operator) == {"young"}, seconds=SECONDS, what="one to go")
        wait_for_sweeps(operator, tenant)
        wait_for_sweeps(operator, as_the_operator)
        assert names(as_the_operator) == {"young"}
        assert names(keeps_all) == {"old", "young"}
        assert sweeps(operator, keeps_all) == 0


def test_d3_by_default_everything_is_kept(
    tenant: Tenant, others: list[Tenant], start: StartOperator
) -> None:
    cancelled(tenant, "old")
    swept = others[0]
    keep_for(swept, "1d")
    with start(*FAST) as operator:
        wait_for_sweeps(operator, swept)
        assert names(tenant) == {"old"}
        assert sweeps(operator, tenant) == 0


def test_d3_what_is_open_stays_and_so_does_what_it_needs(
    tenant: Tenant, start: StartOperator
) -> None:
    keep_for(tenant, "1s")
    for name, phase in (("asked", "Proposed"), ("waits", "AwaitingApproval")):
        tenant.create(manifests.compensation(name, suspend=True))
        tenant.write_status("Compensation", name, ended(40, phase))
    tenant.create(manifests.dead_letter("open", tenant.namespace, "effect-x"), "operator")
    tenant.create(manifests.compensation("tried", targetEffect="effect-x"))
    tenant.write_status("Compensation", "tried", ended(40, "Cancelled"))
    tenant.create(manifests.dead_letter("closed", tenant.namespace, "effect-x"), "operator")
    tenant.write_status("DeadLetter", "closed", {**ended(40, "Resolved"), "settled": True})
    cancelled(tenant, "free")
    with start(*FAST) as operator:
        wait_for(lambda: "free" not in names(tenant), seconds=SECONDS, what="the free one to go")
        tenant.create(manifests.action("post", "failed"))
        tenant.ready("Action", "post", "Recorded")
        wait_for_sweeps(operator, tenant, 3)
    assert names(tenant) == {"asked", "waits", "tried"}
    assert names(tenant, "DeadLetter") == {"open", "closed", "dead-letter-effect-post"}
    assert (names(tenant, "Action"), len(tenant.every("Receipt"))) == ({"post"}, 1)


def test_d3_a_whole_story_goes_in_order_and_its_export_is_the_record(
    tenant: Tenant, start: StartOperator, tmp_path: Path
) -> None:
    secret = "hunter2-is-not-a-word"
    archive, address = tmp_path / "records.jsonl", free_address()
    with start():
        tenant.create(manifests.action("post", "sent", input={"api_key": secret, "text": "hi"}))
        tenant.ready("Action", "post", "Recorded")
        tenant.ask(manifests.compensation("undo"))
        tenant.in_phase("undo", "Completed")
        tenant.wait_until("Approval", "alice-approves-undo", lambda one: one["status"]["settled"])
        tenant.create(manifests.dead_letter("letter", tenant.namespace, "effect-y"), "operator")
        tenant.create(manifests.disposition("ignore", "letter"), "alice")
        tenant.wait_until("Disposition", "ignore", lambda one: one["status"].get("settled"))
        tenant.wait_until("DeadLetter", "letter", lambda one: one["status"]["settled"])
    before = everything(tenant)
    assert sorted(Counter(key.split()[0] for key in before).items()) == [
        ("Action", 1),
        ("Approval", 1),
        ("Compensation", 1),
        ("DeadLetter", 1),
        ("Disposition", 1),
        ("Receipt", 2),
    ]
    keep_for(tenant, "1s")
    told_where = ("--export-to", str(archive), "--metrics-listen", address)
    with start(*FAST, *told_where):
        wait_for(lambda: not everything(tenant), seconds=SECONDS, what="everything to go")
        assert metric(address, "amends_retention_deleted_total", kind="Receipt") == 2
        assert metric(address, "amends_retention_exported_total", kind="Receipt") == 2
        assert metric(address, "amends_retention_last_sweep_timestamp_seconds") > 0
    lines = [json.loads(line) for line in archive.read_text().splitlines()]
    exported = {f"{one['kind']} {one['metadata']['name']}": one for one in lines}
    assert exported == {key: redact(_without_bookkeeping(obj)) for key, obj in before.items()}
    assert secret not in archive.read_text()
    order = [f"{one['kind']} {one['metadata']['name']}" for one in lines]
    subjects = order[:3]
    assert sorted(subjects) == ["Action post", "Compensation undo", "DeadLetter letter"]
    assert len(order) == len(before)


def _without_bookkeeping(obj: Object) -> Object:
    meta = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {**obj, "metadata": meta}


def test_d3_a_sweep_that_is_killed_in_the_middle_goes_on_and_loses_no_line(
    tenant: Tenant, start: StartOperator, tmp_path: Path
) -> None:
    archive, many = tmp_path / "records.jsonl", {f"undo-{number:02}" for number in range(30)}
    for name in many:
        cancelled(tenant, name)
    keep_for(tenant, "1d")
    short = ("--lease-seconds", "3", "--export-to", str(archive))
    with start(*GENTLE, *short, "--sweep-rate", "20") as first:
        wait_for(lambda: len(names(tenant)) <= 25, seconds=SECONDS, what="some to go")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(timeout=SECONDS)
    left = names(tenant)
    assert 0 < len(left) <= 25
    with start(*FAST, *short):
        wait_for(lambda: not names(tenant), seconds=SECONDS, what="the rest to go")
    lines = Counter(json.loads(one)["metadata"]["name"] for one in archive.read_text().splitlines())
    assert set(lines) == many
    # What had been exported and not deleted when the process was killed is exported again.
    assert lines.total() <= len(many) + 1


# ------------------------------------------------------------- the sweeper by itself, same server


class Meddling(KubeCluster):
    """The operator's cluster, where somebody else is quicker with every record that is to go."""

    def __init__(self, connection: Connection, tenant: Tenant) -> None:
        super().__init__(connection)
        self._tenant = tenant

    async def namespaces(self) -> dict[str, Namespace]:
        every = await super().namespaces()
        return {self._tenant.namespace: every[self._tenant.namespace]}

    async def delete(self, before: Raw) -> None:
        meta = before["metadata"]
        change = {"metadata": {"labels": {"looked-at": "yes"}}}
        await asyncio.to_thread(self._tenant.patch, before["kind"], meta["name"], change, "admin")
        await super().delete(before)


def sweeper(cluster: Any, counted: Metrics, archive: str) -> Sweeper:
    return Sweeper(
        cluster,
        Cache(),
        archive_at(archive),
        SystemClock(),
        counted,
        keep=timedelta(days=1),
        every=timedelta(hours=1),
        per_second=1000,
    )


async def test_d3_a_record_that_was_changed_since_it_was_selected_is_not_deleted(
    tenant: Tenant, installed: Installed, tmp_path: Path
) -> None:
    cancelled(tenant, "old")
    tenant.create(manifests.approval("late", "gone", planDigest=DIGEST), "alice")
    ready = {
        "type": "Ready",
        "status": "False",
        "observedGeneration": 1,
        "lastTransitionTime": ago(40),
        "reason": "TooLate",
        "message": "",
    }
    tenant.write_status("Approval", "late", {"settled": True, "conditions": [ready]})
    connection, counted = await Connection.open(installed.kubeconfig), Metrics()
    try:
        meddling = Meddling(connection, tenant)
        await sweeper(meddling, counted, str(tmp_path / "records.jsonl")).sweep()
    finally:
        await connection.close()
    assert (names(tenant), names(tenant, "Approval")) == ({"old"}, {"late"})
    assert counted.value(metrics.KEPT_BACK, "Compensation") == 1
    assert counted.value(metrics.KEPT_BACK, "Approval") == 1
    assert counted.value(metrics.DELETED, "Compensation") == 0


def test_d3_nothing_goes_while_the_archive_takes_nothing(
    tenant: Tenant, start: StartOperator
) -> None:
    cancelled(tenant, "old")
    keep_for(tenant, "1d")
    address = free_address()
    full = ("--export-to", "/dev/full", "--metrics-listen", address)
    with start(*FAST, *full) as operator:
        wait_for(
            lambda: metric(address, "amends_retention_export_failures_total") >= 2,
            seconds=SECONDS,
            what="exports to fail",
        )
        failed = told(operator, "nothing is deleted, because the export fails")
    assert failed[0]["why"] == "/dev/full: No space left on device"
    assert names(tenant) == {"old"}
