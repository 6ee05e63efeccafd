"""A change to an object of the cluster, as people read it before they approve."""

import io
import json
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from amends.api import Compensation
from amends.cli.shown import preview, screens
from amends.core.records.digest import plan_digest_of
from support.api import Object
from support.manifests import compensation
from support.plugin import Ended, Plugin

SEEN = {
    "digest": "sha256:" + "a" * 64,
    "changes": ['/data/color: "red" → "blue"', "takes over .data.color from \u202ekubectl"],
    "time": "2026-01-31T09:00:00Z",
}


def undo(drift: str = "Refuse", data: Object | None = None, **status: Any) -> Object:
    named = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"}
    patch = {"merge": {"data": data or {"color": "blue"}}}
    change = {"operation": "Patch", **named, "patch": patch, "previewDrift": drift}
    made = compensation("undo", execution={"kubernetes": change})
    made["metadata"] |= {"namespace": "tenant-a"}
    return {**made, "status": status} if status else made


def shown(one: Object) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(screens.request(preview.of_compensation(Compensation.read(one)), "This is sent"))
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def digest(tmp_path: Path, *objects: Object) -> Ended:
    text = "---\n".join(yaml.safe_dump(one) for one in objects)
    return Plugin(tmp_path / "no-kubeconfig", tmp_path, None).run("digest", "-f", "-", stdin=text)


def test_what_it_changes_is_listed_without_tricks() -> None:
    assert shown(undo(preview=SEEN)) == (
        "Patch ConfigMap settings (v1) as amends-runner. What that changes, as it was seen last:\n"
        "\n"
        '    /data/color: "red" → "blue"\n'
        "    takes over .data.color from \\u202ekubectl\n"
        "\n"
        "If it would change something else by then, it is approved anew."
    )


def test_what_nobody_has_seen_yet_is_said() -> None:
    assert shown(undo()) == (
        "Patch ConfigMap settings (v1) as amends-runner. "
        "The operator has not seen yet what that changes."
    )


def test_where_drift_is_allowed_that_is_said() -> None:
    assert shown(undo("Allow", preview=SEEN)).endswith("(previewDrift: Allow).")


def test_a_file_has_no_digest_where_only_the_server_knows_it(tmp_path: Path) -> None:
    ended = digest(tmp_path, undo())
    assert (ended.code, ended.out) == (1, "")
    assert "only the server knows that (previewDrift: Refuse)" in ended.err
    assert "write previewDrift: Allow" in ended.err


def test_what_comes_from_the_server_has_one(tmp_path: Path) -> None:
    stored = undo(preview=SEEN)
    ended = digest(tmp_path, json.loads(json.dumps(stored)))
    expected = plan_digest_of(Compensation.read(stored))
    assert (ended.code, ended.out) == (0, f"{expected}  compensation/undo  tenant-a\n")


def test_a_null_in_a_patch_is_warned_of(tmp_path: Path) -> None:
    ended = digest(tmp_path, undo("Allow", {"color": None}))
    assert ended.code == 0
    assert "spec.execution.kubernetes.patch.merge.data.color is null" in ended.err
