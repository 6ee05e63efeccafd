"""The bench: what the operator costs, beside a raw client that does the same writes.

Everything runs against a control plane of its own: throughput, latency, start-up, lists, in turn.
What exactly is timed stands in the docstring of the module of that name.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench import latency, listing, report, startup, throughput
from bench.machine import Patience
from bench.report import Report
from controlplane import ControlPlane
from installation import install


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    compensations: int = 1000
    rounds: int = 3
    approvals: int = 200
    settled: int = 20_000
    open: int = 500
    starts: int = 3
    listed: int = 50_000
    lists: int = 5
    patience_seconds: float = 600.0


QUICK = Plan(
    compensations=20,
    rounds=1,
    approvals=10,
    settled=100,
    open=20,
    starts=1,
    listed=300,
    lists=1,
    patience_seconds=0,
)
PARTS = ("throughput", "latency", "startup", "lists")


def parse(arguments: Sequence[str] | None) -> tuple[Plan, tuple[str, ...], Path | None]:
    """The plan, what of it is wanted, and where the figures go as JSON."""
    told = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    told.add_argument("-n", type=int, help="compensations a round (1000)")
    told.add_argument("--rounds", type=int, help="rounds of each, in turn (3)")
    told.add_argument("--approvals", type=int, help="single approvals for the latency (200)")
    told.add_argument("--settled", type=int, help="settled pairs present at start-up (20000)")
    told.add_argument("--listed", type=int, help="compensations to list among (50000)")
    told.add_argument("--patience", type=float, help="seconds to wait for an idle machine (600)")
    told.add_argument("--only", choices=PARTS, help="measure this alone")
    told.add_argument("--quick", action="store_true", help="small and at once: does it all work?")
    told.add_argument("--json", type=Path, help="write the figures here, too")
    given = told.parse_args(arguments)
    wishes = {
        "compensations": given.n,
        "rounds": given.rounds,
        "approvals": given.approvals,
        "settled": given.settled,
        "listed": given.listed,
        "patience_seconds": given.patience,
    }
    plan = replace(
        QUICK if given.quick else Plan(),
        **{name: value for name, value in wishes.items() if value is not None},
    )
    return plan, (given.only,) if given.only else PARTS, given.json


def measure(plan: Plan, parts: Sequence[str]) -> Report:
    """Every figure of these parts, on a fresh control plane."""
    patience = Patience(plan.patience_seconds)
    with ControlPlane.start() as cp, tempfile.TemporaryDirectory(prefix="amends-bench-") as folder:
        logs, kubeconfig = Path(folder), install(cp)
        report_ = Report(plan=asdict(plan))
        if "throughput" in parts:
            report_.throughput = throughput.measure(
                cp, kubeconfig, logs, patience, plan.compensations, plan.rounds
            )
        if "latency" in parts:
            report_.latency = latency.measure(cp, kubeconfig, logs, patience, plan.approvals)
        if "startup" in parts:
            report_.startup = startup.measure(
                cp, kubeconfig, logs, patience, plan.settled, plan.open, plan.starts
            )
        if "lists" in parts:
            report_.lists = listing.measure(cp, kubeconfig, patience, plan.listed, plan.lists)
        report_.disturbed = patience.disturbed
    return report_


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the JSON."""
    plan, parts, file = parse(arguments)
    found = measure(plan, parts)
    print(report.table(found))
    if file is not None:
        file.write_text(json.dumps(asdict(found), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
