"""An executor of a third party: a package of its own, installed beside the operator and used."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import installation
from installation import REPO, RunningOperator
from support.api import Object
from support.manifests import compensation, unapproved, unique
from support.tenant import Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

PACKAGE = REPO / "examples" / "executor"
TOKEN = "s3cret-of-the-pager"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, and nothing else; nothing is fetched."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile"]
    subprocess.run([*pip, *offline, "--target", folder, PACKAGE], check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def pager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pager on loopback; the file is what it says."""
    said = tmp_path_factory.mktemp("pager") / "said.txt"
    path = os.pathsep.join([str(REPO / "operator"), str(PACKAGE)])
    with said.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, PACKAGE / "fake_pager.py"],
            stdout=sink,
            env={**os.environ, "PYTHONPATH": path},
        )
    try:
        wait_for(lambda: "listening" in said.read_text(), seconds=30, what="the pager to listen")
        yield said
    finally:
        process.terminate()
        process.wait(timeout=30)


def address(pager: Path) -> str:
    return pager.read_text().split()[1]


@pytest.fixture(scope="module")
def working(
    installed: Installed, site: Path, pager: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningOperator]:
    """An operator that finds the package."""
    log = tmp_path_factory.mktemp("operator") / f"{unique('operator')}.log"
    path = os.pathsep.join([str(REPO / "operator"), str(site)])
    running = installation.start_operator(
        installed.kubeconfig,
        log,
        ("--allow-target", f"http://{address(pager)}"),
        {"PYTHONPATH": path},
    )
    try:
        wait_for(running.is_working, seconds=60, what="the operator to work")
        yield running
    finally:
        running.process.terminate()
        running.process.wait(timeout=60)


def plan(pager: Path, name: str = "pager") -> Object:
    token = {"name": "token", "secretKeyRef": {"name": "pager", "key": "token"}}
    config = {"address": address(pager), "incident": "incident-7"}
    return {"plugIn": {"name": name, "config": config, "secrets": [token]}}


def test_it_undoes_what_a_plan_names_it_for(
    working: RunningOperator, tenant: Tenant, pager: Path
) -> None:
    tenant.secret("pager", token=TOKEN)
    tenant.runner_may_read("pager")
    tenant.people_may("use", "secrets", "pager")

    obj = unapproved("close-incident")
    obj["spec"]["execution"] = plan(pager)
    tenant.create(obj)

    done = tenant.in_phase("close-incident", "Completed")
    key = done["status"]["outbox"]["idempotencyKey"]
    assert pager.read_text().splitlines()[1:] == [f"closed incident-7 {key}"]
    receipt = tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]
    assert receipt["payload"]["evidence"] == {"answer": "OK closed"}
    assert TOKEN not in working.log.read_text()


def test_one_that_is_not_installed_is_said_before_anyone_approves(
    working: RunningOperator, tenant: Tenant, pager: Path
) -> None:
    obj = compensation("close")
    obj["spec"]["execution"] = {"plugIn": {"name": "telegraph"}}
    tenant.create(obj)

    assert "executor telegraph is not installed here" in tenant.wait_for_event("close", "Stalled")


def test_its_own_tests_run_the_suite_for_authors(site: Path) -> None:
    path = os.pathsep.join([str(REPO / "operator"), str(site), str(PACKAGE)])
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
         "--rootdir", PACKAGE, PACKAGE / "test_conformance.py"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout
    assert "14 passed" in ended.stdout
