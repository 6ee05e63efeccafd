"""The figures of one run, and how they are printed."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.latency import Latency
from bench.listing import Listing
from bench.startup import Startup
from bench.throughput import Throughput

Row = tuple[str, str, str]


@dataclass
class Report:
    """Everything that was measured; None: it was not asked for."""

    plan: dict[str, Any]
    machine: str = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    throughput: Throughput | None = None
    latency: Latency | None = None
    startup: Startup | None = None
    lists: Listing | None = None
    disturbed: list[str] = field(default_factory=list)


def table(report: Report) -> str:
    """The figures with the aims beside them."""
    rows = [("", "measured", "aim"), *_rows(report)]
    lines = [f"{name:<58}{value:>14}{aim:>10}".rstrip() for name, value, aim in rows]
    notes = [f"NOT IDLE: {what}" for what in report.disturbed]
    return "\n".join([report.machine, *lines, *notes])


def _rows(report: Report) -> Iterator[Row]:
    if (t := report.throughput) is not None:
        yield "compensations/s, operator", f"{t.per_second:.1f}", ""
        yield "compensations/s, raw client", f"{t.raw_per_second:.1f}", ""
        yield "ratio to the raw client", f"{t.ratio:.2f}", "≥ 0.9"
        yield "writes per compensation", f"{t.writes_per_compensation:g}", "4"
        yield "Events written beside them, per round", f"{t.events}", ""
        yield "operator CPU per compensation", f"{t.cpu_ms:.2f} ms", "≤ 4 ms"
        yield "raw client CPU per compensation", f"{t.raw_cpu_ms:.2f} ms", ""
        yield "server CPU per compensation, operator", f"{t.server_cpu_ms:.2f} ms", ""
        yield "server CPU per compensation, raw client", f"{t.raw_server_cpu_ms:.2f} ms", ""
        yield "operator memory, highest", f"{t.peak_mib:.0f} MiB", ""
    if (lat := report.latency) is not None:
        yield f"approval to Completed, p50 of {lat.approvals}", f"{lat.p50_ms:.1f} ms", "≤ 20 ms"
        yield f"approval to Completed, p99 of {lat.approvals}", f"{lat.p99_ms:.1f} ms", "≤ 60 ms"
    if (s := report.startup) is not None:
        beside = f"beside {s.settled} settled, {s.open} open pairs"
        yield f"start to working, {beside}", f"{s.seconds:.2f} s", "≤ 3 s"
        yield f"memory then, {beside}", f"{s.peak_mib:.0f} MiB", "≤ 120 MB"
    if (li := report.lists) is not None:
        yield (
            f"list the newest 250 of {li.objects}, whole command",
            f"{li.first_page:.2f} s",
            "≤ 1 s",
        )
        yield "the same, all of them created within four hours", f"{li.at_once:.2f} s", ""
        yield "list the 250 behind them, whole command", f"{li.next_page:.2f} s", ""
        yield "list what waits for approval, whole command", f"{li.filtered:.2f} s", ""
        yield "list where nothing is, whole command", f"{li.nothing:.2f} s", ""
        size = f"{li.megabytes:.1f} MB"
        yield f"one request for all rows, {size}", f"{li.request:.2f} s", ""
