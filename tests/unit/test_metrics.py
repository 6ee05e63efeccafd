"""The metrics: what is served is what is documented, and nothing in it is a tenant's choice."""

import asyncio
import re
import socket
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from amends.runtime.metrics import (
    ATTEMPTS,
    DELETED,
    FAMILIES,
    LEADER,
    PASSES,
    UNREADABLE,
    CannotServe,
    Labels,
    Metrics,
)

DOCUMENT = Path(__file__).parents[2] / "docs/metrics.md"
ROW = re.compile(
    r"^\| `(?P<name>\w+)`(?: by (?P<labels>[\w, ]+))? \| (?P<type>\w+) \|", re.MULTILINE
)


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def page(metrics: Metrics) -> dict[str, float]:
    """Every sample, as Prometheus reads the page."""
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_document_names_exactly_the_metrics_that_are_served() -> None:
    """Where this fails: write the metric's row into docs/metrics.md, or remove it."""
    documented = [
        (
            row["name"],
            tuple((row["labels"] or "").split(", ")) if row["labels"] else (),
            row["type"],
        )
        for row in ROW.finditer(DOCUMENT.read_text())
    ]
    served = [
        (family.name, family.labels, "counter" if family.name.endswith("_total") else "gauge")
        for family in FAMILIES
    ]
    assert documented == served


def test_what_can_be_told_is_there_as_zero_from_the_start() -> None:
    start = page(Metrics())
    assert set(start.values()) == {0.0}
    assert start["amends_leader"] == 0
    assert start["amends_reconcile_passes_total Compensation"] == 0
    assert start["amends_unreadable_objects Disposition"] == 0
    assert start["amends_retention_deleted_total Receipt"] == 0
    assert "amends_unreadable_objects Receipt" not in start  # nobody watches those
    assert not [name for name in start if name.endswith("_created")]


def test_what_is_counted_set_and_shown_is_on_the_page() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.count(ATTEMPTS, "http", "Applied")
    metrics.count(DELETED, "Receipt")
    metrics.set(LEADER, 1)
    unreadable: dict[Labels, float] = {("Action",): 2}
    metrics.show(UNREADABLE, lambda: unreadable)
    shown = {name: value for name, value in page(metrics).items() if value}
    assert shown == {
        "amends_attempts_total http Applied": 3,
        "amends_retention_deleted_total Receipt": 1,
        "amends_leader": 1,
        "amends_unreadable_objects Action": 2,
    }
    unreadable.clear()
    assert page(metrics)["amends_unreadable_objects Action"] == 0


def test_two_processes_in_one_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.count(PASSES, "Action")
    assert (first.value(PASSES, "Action"), second.value(PASSES, "Action")) == (1, 0)


async def test_it_is_served_while_the_block_runs() -> None:
    metrics, address = Metrics(), free_address()
    metrics.set(LEADER, 1)
    async with aiohttp.ClientSession() as client:
        async with metrics.served(address), client.get(f"http://{address}/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert "\namends_leader 1.0\n" in await answer.text()
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(f"http://{address}/metrics")


async def test_an_address_that_is_taken_is_named_with_its_option() -> None:
    address = free_address()
    async with Metrics().served(address):
        with pytest.raises(CannotServe, match=f"--metrics-listen {address}: .*address"):
            async with Metrics().served(address):
                pass


async def test_nowhere_is_the_default() -> None:
    before = len(asyncio.all_tasks())
    async with Metrics().served(None):
        assert len(asyncio.all_tasks()) == before
