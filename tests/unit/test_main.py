"""`amends` as whoever types it wrong sees it: one line with the option, the value and the fix."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amends import __version__
from amends.__main__ import app


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    """A kubeconfig of a server that does not answer."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(content))
    return str(file)


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"amends {__version__}\n"


@pytest.mark.parametrize("option", ["--health-listen", "--metrics-listen"])
@pytest.mark.parametrize("address", ["8080", ":8080", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1"])
def test_an_address_that_is_none_is_refused(address: str, option: str, kubeconfig: str) -> None:
    told = ["run", "--kubeconfig", kubeconfig, option, address]
    result = CliRunner().invoke(app, told, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"{address} must be HOST:PORT, e.g. 0.0.0.0:8080" in result.output


def test_a_target_that_is_no_origin_is_refused_before_anything_runs(kubeconfig: str) -> None:
    result = CliRunner().invoke(app, ["run", "--kubeconfig", kubeconfig, "--allow-target", "foo"])
    assert result.exit_code == 2
    assert "--allow-target 'foo' must be an origin: https://*" in result.output
    assert "Traceback" not in result.output


def test_a_retention_that_is_no_duration_is_refused(kubeconfig: str) -> None:
    told = ["run", "--kubeconfig", kubeconfig, "--retention", "a month"]
    result = CliRunner().invoke(app, told, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "'a month' is no duration: write a number of at most 9 digits" in result.output


def test_an_archive_that_cannot_be_written_is_refused_before_anything_runs(
    kubeconfig: str, tmp_path: Path
) -> None:
    told = ["run", "--kubeconfig", kubeconfig, "--export-to", str(tmp_path)]
    result = CliRunner().invoke(app, told)
    assert result.exit_code == 2
    assert result.output.endswith(f"--export-to {tmp_path}: Is a directory\n")
    assert "Traceback" not in result.output


def test_a_gitops_agent_that_is_no_service_account_is_refused(kubeconfig: str) -> None:
    told = ["run", "--kubeconfig", kubeconfig, "--gitops-agent", "flux"]
    result = CliRunner().invoke(app, told, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "'flux' is no service account: write system:serviceaccount:" in result.output
