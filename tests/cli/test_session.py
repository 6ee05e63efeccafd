"""How a command ends when something is missing: in words, with what to do, and an exit code."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from controlplane import ControlPlane
from installation import REPO
from support.plugin import SCRIPT, Ended, Plugin
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane


NOT_INSTALLED = (
    "error: Amends is not installed in this cluster: it serves nothing of amends.dev/v1alpha1"
)


def lines(ended: Ended) -> list[str]:
    assert ended.out == ""
    return ended.err.splitlines()


def kubeconfig(tenant: Tenant, folder: Path, user: str = "alice", **changed: str) -> Path:
    """A user's kubeconfig with another server, token, namespace or context."""
    content = json.loads(tenant.installed.cp.kubeconfig(user).read_text())
    content["clusters"][0]["cluster"]["server"] = changed.get("server", tenant.installed.cp.server)
    if "token" in changed:
        content["users"][0]["user"]["token"] = changed["token"]
    content["contexts"][0]["name"] = content["current-context"] = changed.get("context", "amends")
    if "namespace" in changed:
        content["contexts"][0]["context"]["namespace"] = changed["namespace"]
    file = folder / f"{len(list(folder.iterdir()))}.kubeconfig"
    file.write_text(json.dumps(content))
    return file


def test_crds_that_are_not_installed_are_named_with_the_cure() -> None:
    with ControlPlane.start() as bare:
        plugin = Plugin(bare.kubeconfig("admin"), bare.directory, "default", 200)

        for command in (("list", "actions"), ("show", "x"), ("tree", "--run", "x"), ("top",)):
            ended = plugin.run(*command)

            assert ended.code == 6, command
            assert lines(ended) == [
                NOT_INSTALLED,
                "  install its CRDs: kubectl apply --server-side -f crds/",
                "  is it the right cluster? kubectl config current-context; choose with --context",
            ]


def test_no_right_to_list_is_named_with_who_gives_it(checkout: Tenant) -> None:
    ended = Plugin.of(checkout, "carol", 200).run("list", "dead-letters")

    assert ended.code == 7
    assert lines(ended) == [
        "error: you may not list deadletters.amends.dev in namespace checkout",
        "  check: kubectl auth can-i list deadletters.amends.dev -n checkout",
        "  get it: whoever administers checkout binds you to ClusterRole amends-viewer there",
    ]


def test_no_right_to_list_everywhere_asks_for_one_namespace(checkout: Tenant) -> None:
    everywhere = replace(Plugin.of(checkout, "alice", 200), namespace=None)

    ended = everywhere.run("list", "approvals", "-A")

    assert ended.code == 7
    assert lines(ended) == [
        "error: you may not list approvals.amends.dev in all namespaces",
        "  ask for one namespace that is yours: -n NAME",
        "  check: kubectl auth can-i list approvals.amends.dev -A",
    ]


def test_row_b6_another_tenant_is_told_nothing_of_what_is_there(checkout: Tenant) -> None:
    ended = Plugin.of(checkout, "carol", 200).run("show", "compensation/refund-charge")

    assert ended.code == 7
    assert "may not get compensations.amends.dev in namespace checkout" in ended.err
    assert "AwaitingApproval" not in ended.err


def test_credentials_that_are_not_accepted(checkout: Tenant, tmp_path: Path) -> None:
    file = kubeconfig(checkout, tmp_path, token="wrong")

    ended = replace(Plugin.of(checkout, "alice", 200), kubeconfig=file).run("list", "actions")

    assert ended.code == 6
    assert lines(ended) == [
        "error: the server does not accept your credentials (401 Unauthorized)",
        "  log in again, as you do for kubectl; `kubectl auth whoami` shows who you are",
    ]


def test_a_server_that_does_not_answer(checkout: Tenant, tmp_path: Path) -> None:
    file = kubeconfig(checkout, tmp_path, server="https://127.0.0.1:1")

    ended = replace(Plugin.of(checkout, "alice", 200), kubeconfig=file).run("top")

    assert ended.code == 6
    first, second = lines(ended)
    assert first.startswith("error: the API server does not answer: https://127.0.0.1:1: ")
    assert second == (
        "  is it the right cluster? kubectl config current-context; choose with --context"
    )


def test_a_context_that_is_unknown_is_named_with_those_there_are(checkout: Tenant) -> None:
    ended = Plugin.of(checkout, "alice", 200).run("list", "actions", "--context", "amend")

    assert ended.code == 6
    assert lines(ended) == [
        "error: the kubeconfig has no context amend",
        "  it has amends",
        "  see them all: kubectl config get-contexts",
    ]


@pytest.mark.parametrize("content", [None, "", "{}", "not: [a", "- 1", "apiVersion: v1\n"])
def test_no_way_to_connect(checkout: Tenant, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)

    ended = replace(Plugin.of(checkout, "alice", 200), kubeconfig=file).run("list", "actions")

    assert ended.code == 6
    assert lines(ended)[-1] == "  set KUBECONFIG, or give --kubeconfig FILE"
    assert lines(ended)[-2].startswith("error: no way to connect to a cluster: ")
    assert "Traceback" not in ended.err


def test_the_namespace_and_the_context_are_those_of_the_kubeconfigs(
    checkout: Tenant, tmp_path: Path
) -> None:
    one = kubeconfig(checkout, tmp_path, namespace="default", context="one")
    two = kubeconfig(checkout, tmp_path, namespace="checkout", context="two")
    both = replace(
        Plugin.of(checkout, "alice", 200), kubeconfig=Path(f"{one}:{two}"), namespace=None
    )

    ended = both.run("show", "refund-charge", "--context", "two")

    assert ended.code == 0
    assert ended.out.startswith("compensation refund-charge in namespace checkout")
    # What is to be typed next is for the same cluster.
    assert "kubectl amends approve refund-charge -n checkout --context two" in ended.out


def test_an_exec_plug_in_says_who_we_are(checkout: Tenant, tmp_path: Path) -> None:
    file = kubeconfig(checkout, tmp_path)
    content = json.loads(file.read_text())
    token = content["users"][0]["user"].pop("token")
    said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    answer = json.dumps({**said, "status": {"token": token}})
    content["users"][0]["user"]["exec"] = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [answer],
        "interactiveMode": "Never",
    }
    file.write_text(json.dumps(content))

    ended = replace(Plugin.of(checkout, "alice", 200), kubeconfig=file).run(
        "list", "compensations", "-o", "name"
    )

    assert (ended.code, ended.err) == (0, "")
    assert "compensation.amends.dev/refund-charge" in ended.out


def test_kubectl_finds_the_plug_in(installed: Installed, checkout: Tenant) -> None:
    cp = installed.cp
    ended = subprocess.run(
        [cp.bin / "kubectl", "amends", "list", "compensations", "-n", "checkout", "-o", "name"],
        env={
            "PATH": str(SCRIPT.parent),
            "KUBECONFIG": str(cp.kubeconfig("alice")),
            "HOME": str(cp.directory),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "compensation.amends.dev/refund-charge" in ended.stdout


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("kubectl-amends approve -n checkout refund", ["refund-charge"]),
        (
            "kubectl-amends show -n checkout cmp/",
            ["cmp/cancel-courier", "cmp/refund-charge", "cmp/release-seat"],
        ),
        ("kubectl-amends list dis", ["dispositions"]),
        ("kubectl-amends list dead-letters --phase ret", ["retry-requested", "retrying"]),
        ("kubectl-amends tree -n checkout --run ru", ["run-42"]),
        ("kubectl-amends approve -n nowhere re", []),
    ],
)
def test_the_shell_completes_names_from_the_cluster(
    checkout: Tenant, typed: str, completed: list[str]
) -> None:
    ended = subprocess.run(
        [SCRIPT],
        env=Plugin.of(checkout, "alice")._environment()
        | {
            "_KUBECTL_AMENDS_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - 1),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout.split(), ended.stderr) == (completed, "")


def test_kubectl_completes_with_the_script_of_the_docs(
    installed: Installed, checkout: Tenant, tmp_path: Path
) -> None:
    text = (REPO / "docs/cli.md").read_text()
    script = tmp_path / "kubectl_complete-amends"
    script.write_text("#!/bin/sh\n" + text.split("#!/bin/sh\n")[1].split("```")[0])
    script.chmod(0o755)
    asked = ["__complete", "amends", "approve", "-n", "checkout", "re"]

    ended = subprocess.run(
        [installed.cp.bin / "kubectl", *asked],
        env=Plugin.of(checkout, "alice")._environment()
        | {"PATH": f"{tmp_path}:{SCRIPT.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.stdout.splitlines() == ["refund-charge", "release-seat", ":4"]
