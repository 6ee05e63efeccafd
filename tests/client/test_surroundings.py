"""Where a record goes: the cluster and namespace that kubectl would mean, or the pod's own."""

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import incluster_config

from amends.client import NotClaimed, Recorder, recording
from client.conftest import ACCOUNT, Automation

KEY: Any = {"idempotency_key": "run-7/post", "name": "post"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home without a kubeconfig."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_importing_it_brings_neither_the_operator_nor_its_command_line() -> None:
    asked = "import amends.client, sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pydantic" in loaded
    assert {"kopf", "typer", "rich", "structlog", "prometheus_client"}.isdisjoint(loaded)


def test_with_no_cluster_at_all_it_says_how_to_name_one() -> None:
    with pytest.raises(NotClaimed, match="Set KUBECONFIG"), recording("board.post", **KEY):
        raise AssertionError("never reached")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kubeconfig": "/no/such/file"}, "there is no kubeconfig /no/such/file"),
        ({"context": "prod"}, "there is no kubeconfig that could have a context prod"),
    ],
)
def test_what_is_not_there_is_named(options: dict[str, str], words: str) -> None:
    block = Recorder(**options).recording("board.post", **KEY)  # type: ignore[arg-type]  # any option
    with pytest.raises(NotClaimed, match=words), block:
        raise AssertionError("never reached")


@pytest.mark.controlplane
def test_inside_a_pod_it_is_the_pods_account_and_namespace(
    automation: Automation, direct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(direct.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    mounted = tmp_path / "serviceaccount"
    mounted.mkdir()
    (mounted / "token").write_text(user["token"])
    (mounted / "ca.crt").write_bytes(b64decode(cluster["certificate-authority-data"]))
    (mounted / "namespace").write_text(automation.tenant.namespace)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(mounted / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(mounted / "ca.crt"))
    host, _, port = cluster["server"].removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)

    with recording("board.post", **KEY) as action:
        action.succeeded()

    requester = automation.action()["spec"]["requester"]
    namespace = automation.tenant.namespace
    assert requester["username"] == f"system:serviceaccount:{namespace}:{ACCOUNT}"
    assert automation.spec()["outcome"] == "succeeded"


@pytest.mark.controlplane
def test_the_kubeconfig_of_the_environment_names_cluster_and_namespace(
    automation: Automation, direct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", f"/no/such/file:{direct}")
    with recording("board.post", **KEY) as action:
        action.succeeded()

    assert action.namespace == automation.tenant.namespace
    assert automation.spec()["outcome"] == "succeeded"


@pytest.mark.controlplane
def test_a_context_may_be_chosen_and_one_that_is_not_there_is_named(
    automation: Automation, direct: Path
) -> None:
    content = json.loads(direct.read_text())
    content["contexts"].append({**content["contexts"][0], "name": "prod"})
    content["current-context"] = "elsewhere"
    direct.write_text(json.dumps(content))

    with Recorder(kubeconfig=direct, context="prod").recording("board.post", **KEY) as action:
        action.succeeded()
    assert automation.spec()["outcome"] == "succeeded"
    with (
        pytest.raises(NotClaimed, match="elsewhere"),
        Recorder(kubeconfig=direct).recording("board.post", **KEY),
    ):
        raise AssertionError("never reached")
