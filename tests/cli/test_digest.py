"""`kubectl amends digest`: what an approver approves, computed offline from a file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from support.api import Object
from support.manifests import approval, compensation
from support.plugin import Plugin
from support.stages import HTTP, plan_digest
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

OTHER = f"sha256:{'0' * 64}"
WHEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

TRICKY = """\
apiVersion: amends.dev/v1alpha1
kind: Compensation
metadata: {name: tricky}
spec:
  targetEffect: effect-1
  retry: {maxAttempts: 03}
  execution:
    http:
      method: POST
      url: https://api.example.com/undo
      body:
        date: 2026-01-31
        time: 2026-01-31T09:00:00Z
        clock: 12:30
        version: 1.2.3
        thousand: 1e3
        half: .5
        small: 1.5e-3
        octal: 014
        no octal: 019
        new octal: 0o17
        hex: 0x1F
        binary: 0b11
        grouped: 1_000
        yes: y
        on: off
        quoted: "yes"
        1: one
        text: |
          two
          lines
        base: &base {a: 1, b: 2}
        merged: {<<: *base, b: 3}
"""


@pytest.fixture
def alice(tenant: Tenant) -> Plugin:
    return Plugin.of(tenant, "alice")


def written(folder: Path, *objects: Object) -> str:
    """A file with these objects."""
    file = folder / "objects.yaml"
    file.write_text("---\n".join(yaml.safe_dump(one) for one in objects))
    return str(file)


# ------------------------------------------------------------------------------------ digest


def test_a_file_has_the_digest_of_what_the_server_stores(tenant: Tenant, alice: Plugin) -> None:
    """Also where YAML has two readings: as kubectl reads it."""
    offline = alice.run("digest", "-f", "-", stdin=TRICKY)
    tenant.installed.cp.kubectl("apply", "-f", "-", "-n", tenant.namespace, input=TRICKY)
    stored = tenant.read("Compensation", "tricky")
    online = alice.run("digest", "-f", "-", stdin=json.dumps(stored))

    expected = f"{plan_digest(stored)}  compensation/tricky  {tenant.namespace}\n"
    assert (offline.code, offline.out, offline.err) == (0, expected, "")
    assert online.out == expected


@pytest.mark.parametrize(("how", "kept"), [((), False), (("--server-side",), True)])
def test_a_null_is_warned_of_because_kubectl_apply_drops_it(
    how: tuple[str, ...], kept: bool, tmp_path: Path, tenant: Tenant, alice: Plugin
) -> None:
    file = written(tmp_path, compensation("undo", http={**HTTP, "body": {"lines": [{"a": None}]}}))
    tenant.installed.cp.kubectl("apply", *how, "-f", file, "-n", tenant.namespace)

    ended = alice.run("digest", "-f", file)

    assert (ended.out.split()[0] == plan_digest(tenant.read("Compensation", "undo"))) is kept
    assert ended.err == (
        f"warning: {file}, document 1: spec.execution.http.body.lines.0.a is null, and the digest "
        "is with it: kubectl apply drops nulls, so apply it with --server-side, or leave it out\n"
    )


def test_no_cluster_is_asked(tmp_path: Path) -> None:
    nobody = Plugin(tmp_path / "no-kubeconfig", tmp_path, "tenant-a")
    ended = nobody.run("digest", "-f", "-", stdin=TRICKY)
    assert (ended.code, ended.err) == (0, "")


def test_an_approval_in_the_same_file_fits_or_does_not(
    tmp_path: Path, tenant: Tenant, alice: Plugin
) -> None:
    undo = compensation("undo-post", http=HTTP)
    digest = alice.run("digest", "-f", written(tmp_path, undo)).out.split()[0]
    file = written(
        tmp_path,
        undo,
        approval("right", "undo-post", planDigest=digest),
        approval("no", "undo-post", planDigest=digest, decision="Reject"),
        approval("wrong", "undo-post", planDigest=OTHER),
        approval("elsewhere", "another", planDigest=digest),
    )

    ended = alice.run("digest", "-f", file)

    assert (ended.code, ended.out.splitlines()) == (
        5,
        [
            f"{digest}  compensation/undo-post  {tenant.namespace}",
            "ok: approval/right approves exactly this plan of compensation/undo-post",
            "ok: approval/no rejects exactly this plan of compensation/undo-post",
            f"MISMATCH: approval/wrong approves {OTHER}, another plan of compensation/undo-post",
            "not checked: approval/elsewhere is about compensation/another, not in this file",
        ],
    )


def test_programs_get_json(tmp_path: Path, tenant: Tenant, alice: Plugin) -> None:
    undo = compensation("undo-post")
    digest = alice.run("digest", "-f", written(tmp_path, undo)).out.split()[0]
    file = written(tmp_path, undo, approval("right", "undo-post", planDigest=digest))
    ended = alice.run("digest", "-f", file, "-o", "json")
    space = {"namespace": tenant.namespace}
    assert json.loads(ended.out) == {
        "plans": [{**space, "name": "undo-post", "planDigest": digest}],
        "approvals": [
            {
                **space,
                "name": "right",
                "result": "ok",
                "detail": "approves exactly this plan of compensation/undo-post",
            }
        ],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "standard input is no YAML: "),
        ("", "standard input holds no object"),
        ("[1]", "standard input, document 1 is no Kubernetes object: kind is missing"),
        ("kind: ConfigMap", "holds no Compensation and no Approval, only ConfigMap (None)"),
        (TRICKY.replace("name: tricky", ""), "document 1: metadata.name is missing"),
        (
            TRICKY.replace("name: tricky", "name: tricky, namespace: elsewhere"),
            "metadata.namespace is elsewhere, and -n says",
        ),
        (
            TRICKY.replace("targetEffect", "effect"),
            "spec.effect: there is no such field: remove it, or correct its name",
        ),
        (
            TRICKY.replace("thousand: 1e3", "thousand: 99999999999999999"),
            "write numbers beyond ±9007199254740991 as strings",
        ),
    ],
)
def test_a_file_that_has_no_digest_says_why(text: str, said: str, tmp_path: Path) -> None:
    nobody = Plugin(tmp_path / "no-kubeconfig", tmp_path, "tenant-a")
    ended = nobody.run("digest", "-f", "-", stdin=text)
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
