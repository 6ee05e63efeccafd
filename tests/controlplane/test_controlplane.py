"""The control plane is real: identities, permissions, tokens and audit work as in a cluster."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import build
import controlplane
from component import ComponentFailed
from controlplane import ControlPlane, KubectlFailed

pytestmark = pytest.mark.timeout(900)  # the first of these tests may have to build the programs

SERVICE_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: default}
"""


@pytest.fixture(scope="module")
def cp() -> Iterator[ControlPlane]:
    with ControlPlane.start() as running:
        yield running


def asked(cp: ControlPlane, *arguments: str, user: str = "admin") -> Any:
    return json.loads(cp.kubectl(*arguments, "--output=json", user=user).stdout)


def test_it_reports_the_version_it_was_built_from(cp: ControlPlane) -> None:
    pinned = {p.name: p.version for p in build.PROGRAMS}
    version = asked(cp, "version")

    assert version["serverVersion"]["gitVersion"] == pinned["kube-apiserver"]
    assert version["clientVersion"]["gitVersion"] == pinned["kubectl"]
    major, minor = version["serverVersion"]["major"], version["serverVersion"]["minor"]
    assert pinned["kube-apiserver"].startswith(f"v{major}.{minor}.")


@pytest.mark.parametrize(
    ("user", "group"),
    [
        pytest.param("admin", "system:masters", id="admin may do everything"),
        pytest.param("alice", "tenant-a", id="alice is of tenant a"),
        pytest.param("bob", "tenant-a", id="bob is of tenant a"),
        pytest.param("carol", "tenant-b", id="carol is of tenant b"),
        pytest.param("dora", "tenant-a", id="dora is of tenant a"),
    ],
)
def test_users_are_who_they_say(cp: ControlPlane, user: str, group: str) -> None:
    seen = asked(cp, "auth", "whoami", user=user)["status"]["userInfo"]

    assert (seen["username"], seen["groups"]) == (user, [group, "system:authenticated"])


def test_alice_may_not_read_the_secrets_of_the_system(cp: ControlPlane) -> None:
    with pytest.raises(KubectlFailed, match='User "alice" cannot list resource "secrets"'):
        cp.kubectl("get", "secrets", "--namespace=kube-system", user="alice")


def test_a_failure_can_be_looked_at_instead_of_raised(cp: ControlPlane) -> None:
    ended = cp.kubectl("get", "configmap", "missing", check=False)

    assert ended.returncode == 1
    assert "NotFound" in ended.stderr


def test_an_unknown_user_is_named_with_those_there_are(cp: ControlPlane) -> None:
    with pytest.raises(KeyError, match=r"'mallory'.*alice"):
        cp.kubeconfig("mallory")


def test_nobody_is_served_without_a_token(cp: ControlPlane, tmp_path: Path) -> None:
    config = json.loads(cp.kubeconfig("alice").read_text())
    config["users"][0]["user"] = {"token": "guessed"}
    guessed = tmp_path / "guessed.kubeconfig"
    guessed.write_text(json.dumps(config))

    ended = cp.kubectl("auth", "whoami", f"--kubeconfig={guessed}", check=False)

    assert "Unauthorized" in ended.stderr


def test_only_the_own_authority_is_trusted(cp: ControlPlane) -> None:
    for user in ("admin", "alice"):
        cluster = json.loads(cp.kubeconfig(user).read_text())["clusters"][0]["cluster"]
        assert set(cluster) == {"server", "certificate-authority-data"}


def test_a_service_account_gets_a_real_token_and_the_audit_log_tells(cp: ControlPlane) -> None:
    cp.kubectl("apply", "--filename=-", input=SERVICE_ACCOUNT)

    config = cp.service_account_kubeconfig("default", "reader")

    whoami = cp.kubectl("auth", "whoami", "--output=json", f"--kubeconfig={config}").stdout
    user = json.loads(whoami)["status"]["userInfo"]["username"]
    assert user == "system:serviceaccount:default:reader"
    written = [(e["verb"], e["user"]["username"]) for e in audited(cp, name="reader")]
    assert written[:2] == [("create", "admin"), ("create", "admin")]  # the account, its token


def audited(cp: ControlPlane, *, name: str) -> list[Any]:
    """The events about objects of this name, once another write is known to have been logged.

    A line may come shortly after the answer it tells of; the line of a later write says that the
    earlier ones are there.
    """
    marker = f"marker-{os.urandom(4).hex()}"
    cp.kubectl("create", "configmap", marker)
    deadline = time.monotonic() + 30
    while marker not in (log := cp.audit_log.read_text()):
        assert time.monotonic() < deadline, "the audit log never told of the marker"
    events = [json.loads(line) for line in log.splitlines() if line.endswith("}")]
    assert {event["level"] for event in events} == {"Metadata"}
    assert "RequestReceived" not in {event["stage"] for event in events}
    return [event for event in events if event.get("objectRef", {}).get("name") == name]


def test_reads_are_not_audited(cp: ControlPlane) -> None:
    cp.kubectl("get", "namespace", "kube-public")

    assert [e for e in audited(cp, name="kube-public") if e["verb"] == "get"] == []


def test_stop_leaves_no_process_and_no_folder() -> None:
    with ControlPlane.start(controller_manager=True) as cp:
        pids = cp.pids
        assert set(pids) == {"etcd", "kube-apiserver", "kube-controller-manager"}
        cp.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace=kube-system")

    assert [pid for pid in pids.values() if Path(f"/proc/{pid}").exists()] == []
    assert (cp.pids, cp.directory.exists()) == ({}, False)
    cp.stop()  # once more is no mistake


def test_a_given_directory_stays_and_gives_its_data_back(tmp_path: Path) -> None:
    with ControlPlane.start(tmp_path) as cp:
        cp.kubectl("create", "namespace", "tenant-a")
    with ControlPlane.start(tmp_path) as cp:
        cp.kubectl("get", "namespace", "tenant-a")
    assert cp.audit_log.exists()


def test_a_port_taken_at_the_last_moment_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        took = taken.getsockname()[1]
        ports = iter([took, controlplane._free_port(), took, controlplane._free_port()])
        monkeypatch.setattr(controlplane, "_free_port", lambda: next(ports))
        with ControlPlane.start() as cp:
            cp.kubectl("get", "namespaces", user="admin")
            assert set(cp.pids) == {"etcd", "kube-apiserver"}


def test_a_failed_start_shows_the_log_and_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("in the way")

    with pytest.raises(ComponentFailed, match=r"(?s)^etcd ended .*etcd\.log:\n  \| .*etcd"):
        ControlPlane.start(tmp_path)

    assert (tmp_path / "logs" / "etcd.log").exists()


def test_it_ends_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, threading; from pathlib import Path; from controlplane import ControlPlane\n"
        "cp = ControlPlane.start(Path(sys.argv[1]))\n"
        "sys.stdout.write(' '.join(map(str, cp.pids.values())) + '\\n'); sys.stdout.flush()\n"
        "threading.Event().wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        env=os.environ | {"PYTHONPATH": str(Path(controlplane.__file__).parent)},
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        starter.kill()

    for process in watched:
        assert select.select([process], [], [], 30)[0], "a component outlived its starter"
        os.close(process)
    assert len(watched) == 2
