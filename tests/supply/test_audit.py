"""`make audit`: an answer that was never given is not taken for a good one."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import audit
from lock import REPO

SCRIPT = REPO / "hack/supply/audit.py"
LOCK = "yarl==1.25.1 \\\n    --hash=sha256:00\nidna==3.20 \\\n    --hash=sha256:01\n"
ADVISORY = {
    "id": "GHSA-0000-0000-0000",
    "modified": "2026-01-01T00:00:00Z",
    "summary": "made up",
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.21"}]},
            ],
        }
    ],
}


@contextmanager
def source(advisories: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A source of advisories on the loopback interface, which speaks as OSV does."""

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            vulns = advisories.get(asked["package"]["name"], [])
            answer = json.dumps({"vulns": vulns} if vulns else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base does
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Two packages."""
    file = tmp_path / "some.lock"
    file.write_text(LOCK)
    return file


def run(lock: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "--lock", lock, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_source_that_knows_nothing_bad_is_believed(lock: Path) -> None:
    with source({}) as url:
        ended = run(lock, "--source", "osv", "--osv-url", url)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "osv knows nothing against the packages of some.lock.\n"


def test_an_advisory_is_named_with_the_version_that_mends_it(lock: Path) -> None:
    with source({"idna": [ADVISORY]}) as url:
        ended = run(lock, "--source", "osv", "--osv-url", url)

    assert ended.returncode == 1
    assert ended.stdout == "idna 3.20: GHSA-0000-0000-0000, fixed in 3.21\n"


def test_where_no_source_can_be_reached_it_says_so_and_ends_with_69(lock: Path) -> None:
    nobody = "http://127.0.0.1:1"  # a port that nothing may listen on

    ended = run(lock, HTTPS_PROXY=nobody, https_proxy=nobody, NO_PROXY="", no_proxy="")

    assert (ended.returncode, ended.stdout) == (69, "")
    pypi, osv, verdict = ended.stderr.splitlines()
    assert pypi.startswith("pypi: ")
    assert osv.startswith("osv: ")
    assert verdict == (
        "No source of advisories answered for every package of some.lock: this says nothing about "
        "them. Run it where one can be reached (status 69)."
    )


def test_packages_that_were_skipped_are_not_taken_for_audited() -> None:
    """pip-audit itself ends with 0 there: "No known vulnerabilities found"."""
    skipped = {"name": "yarl", "skip_reason": "Dependency not found and could not be audited"}
    report = {"dependencies": [{"name": "idna", "version": "3.20", "vulns": []}, skipped]}

    answer = audit.read(json.dumps(report))

    assert answer == audit.Answer(advisories=(), unanswered=("yarl",))
    assert not answer.complete


def test_no_report_is_no_answer() -> None:
    assert audit.read("") is None
