"""The process as whoever runs it sees it: its probe, its log, and what bad input does to it."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from installation import RunningOperator
from support import manifests
from support.tenant import SECONDS, StartOperator, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

BAD_INPUT = Path(__file__).parent / "bad_input"


def free_address() -> str:
    """A loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_probe_says_how_much_is_open(start: StartOperator, tenant: Tenant) -> None:
    address = free_address()

    def probe() -> dict[str, int]:
        try:
            with urllib.request.urlopen(f"http://{address}/healthz", timeout=5) as answer:
                found: dict[str, int] = json.load(answer)
        except urllib.error.URLError:
            return {}
        return found

    with start("--health-listen", address):
        wait_for(lambda: "open" in probe(), seconds=SECONDS, what="the probe")
        before = probe()["open"]
        tenant.create(manifests.compensation("undo"))
        wait_for(lambda: probe()["open"] > before, seconds=SECONDS, what="one more open object")


def test_every_line_of_the_log_is_json_and_names_object_and_reconcile(
    tenant: Tenant, running: RunningOperator
) -> None:
    tenant.create(manifests.unapproved("undo"))
    tenant.in_phase("undo", "Completed")

    lines = [json.loads(line) for line in running.log.read_text().splitlines()]

    about = f"Compensation/{tenant.namespace}/undo"
    ended = [line for line in lines if line["event"] == "attempt ended"]
    (mine,) = (line for line in ended if line["object"] == about)
    assert isinstance(mine["reconcile"], int)
    assert mine.keys() >= {"event", "level", "logger", "timestamp", "object", "attempt", "outcome"}


def test_i11_after_every_bad_file_the_operator_still_works(
    tenant: Tenant, running: RunningOperator
) -> None:
    ended = tenant.installed.cp.kubectl(
        "apply", "-n", tenant.namespace, "-f", BAD_INPUT, check=False
    )
    assert ended.stdout == ""
    assert ended.returncode != 0

    tenant.create(manifests.unapproved("undo"))
    tenant.in_phase("undo", "Completed")
