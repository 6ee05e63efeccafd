"""`kubectl amends top`: what waits for people, in the namespaces that they may see."""

import os
import signal
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amends.cli.look import desk
from support import manifests, scene
from support.api import Object
from support.golden import assert_golden, timeless
from support.plugin import SCRIPT, Ended, Plugin
from support.tenant import Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def top(tenant: Tenant, *arguments: str, columns: int = 80, user: str = "alice") -> Ended:
    return Plugin.of(tenant, user, columns).run("top", *arguments)


@pytest.mark.parametrize("columns", [80, 120])
def test_what_waits_is_shown_oldest_first(checkout: Tenant, columns: int) -> None:
    ended = top(checkout, columns=columns)

    assert (ended.code, ended.err) == (0, "")
    assert_golden(f"cli/top-{columns}.txt", timeless(ended.out))


def test_nothing_waits_where_nothing_is(tenant: Tenant) -> None:
    assert top(tenant) == Ended(
        0, f"Nothing waits for people in namespace {tenant.namespace}.\n", ""
    )


def test_who_may_see_everything_is_shown_every_namespace(checkout: Tenant) -> None:
    everywhere = replace(Plugin.of(checkout, "admin", 80), namespace=None)

    ended = everywhere.run("top")

    assert ended.code == 0
    assert ended.out.splitlines()[0].endswith("for people in all namespaces")
    assert "compensation/refund-charge in checkout" in ended.out


def test_who_may_not_is_shown_the_namespaces_that_are_allowed(
    checkout: Tenant, tmp_path: Path
) -> None:
    alice = checkout.installed.cp.kubeconfig("alice").read_text()
    here = tmp_path / "kubeconfig"
    here.write_text(alice.replace('"user": "alice"', '"user": "alice", "namespace": "checkout"'))
    here.chmod(0o600)
    person = replace(Plugin.of(checkout, "alice", 80), namespace=None, kubeconfig=here)

    ended = person.run("top")

    assert ended.code == 0
    assert ended.out.splitlines()[:3] == [
        "3 things wait for people in namespace checkout",
        "You may not list in all namespaces, so this is not all there is: -n NAME for",
        "another",
    ]


def test_who_may_see_nothing_is_told_what_to_give(checkout: Tenant) -> None:
    nowhere = replace(Plugin.of(checkout, "carol", 80), namespace=None)

    assert nowhere.run("top") == Ended(
        7,
        "",
        "error: you may list what waits neither in all namespaces nor in default\n"
        "  name a namespace that is yours: kubectl amends top -n NAME\n",
    )


def test_an_object_that_does_not_parse_is_shown_and_hides_nothing() -> None:
    created = "2026-01-31T09:00:00Z"

    def letter(name: str, spec: Object) -> Object:
        meta = {"name": name, "namespace": "tenant-a", "uid": name, "creationTimestamp": created}
        return {**manifests.dead_letter(name, "tenant-a", "effect-1", **spec), "metadata": meta}

    rows = desk.waiting([letter("odd", {"reason": 7}), letter("fine", {})], " --context x", NOW)

    assert [(row.reference, row.why) for row in rows] == [
        ("dead-letter/fine", "board.post failed: 503 Service Unavailable"),
        ("dead-letter/odd", "it does not fit this version, and nobody works on it"),
    ]
    assert rows[1].command == "kubectl amends show dead-letter/odd -n tenant-a --context x"


def test_watching_follows_and_ends_on_ctrl_c(tenant: Tenant, tmp_path: Path) -> None:
    plugin = Plugin.of(tenant, "alice", 80)
    shown = tmp_path / "shown"
    command: list[str | Path] = [SCRIPT, "top", "--watch", "--every", "1", "-n", tenant.namespace]
    with shown.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=sink, env=os.environ | plugin._environment()
        )
    try:
        nothing = f"Nothing waits for people in namespace {tenant.namespace}."
        wait_for(lambda: nothing in shown.read_text(), seconds=30, what="the first look")

        tenant.create(manifests.dead_letter("new", tenant.namespace, "effect-new"), "operator")
        wait_for(lambda: "dead-letter/new" in shown.read_text(), seconds=30, what="the news")

        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in shown.read_text()
    assert scene.TOKEN not in shown.read_text()
