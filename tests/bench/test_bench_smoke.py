"""The bench works, and the writes per compensation are exactly four."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("bench.py")


@pytest.mark.slow
@pytest.mark.controlplane
def test_quick_bench_has_every_figure_and_counts_four_writes(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    ended = subprocess.run(
        [sys.executable, BENCH, "--quick", "--json", file],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(file.read_text())
    throughput, latency, startup = (figures[part] for part in ("throughput", "latency", "startup"))

    assert throughput["writes_per_compensation"] == 4.0
    assert [one["who"] for one in throughput["rounds"]] == ["operator", "raw client"]
    assert [one["writes_per_compensation"] for one in throughput["rounds"]] == [4.0, 4.0]
    assert [one["refused"] for one in throughput["rounds"]] == [0, 0]
    for name in ("per_second", "raw_per_second", "ratio", "cpu_ms", "raw_cpu_ms", "peak_mib"):
        assert throughput[name] > 0, name
    assert 0 < latency["p50_ms"] <= latency["p99_ms"] <= latency["worst_ms"]
    assert startup["seconds"] > 0
    assert 0 < startup["rss_mib"] <= startup["peak_mib"]

    lists = figures["lists"]
    assert lists["objects"] == 300
    for name in ("first_page", "next_page", "filtered", "nothing", "request", "at_once"):
        assert lists[name] > 0, name

    for words in (
        "list the newest 250 of 300",
        "ratio to the raw client",
        "p50",
        "p99",
        "start to working",
        "≤ 4 ms",
    ):
        assert words in ended.stdout
