"""What a change does, in words and as a digest: pure rows."""

import json
from typing import Any

import pytest

from amends.api.kubernetes import ChangeOperation, KubernetesExecution
from amends.executors.kubernetes import requests
from amends.executors.kubernetes.changes import LONGEST_LINE, changes, lines, preview, removed

META = {"name": "x", "uid": "uid-1", "resourceVersion": "7", "managedFields": [{"manager": "a"}]}
PATCH = ChangeOperation.PATCH


def obj(version: str = "7", **content: Any) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {**META, "resourceVersion": version}, **content}


def secret(version: str, pin: str) -> dict[str, Any]:
    return {**obj(version, data={"pin": pin}), "kind": "Secret"}


def said(before: Any, after: Any) -> list[str]:
    return [one.line for one in changes(before, after)]


def test_places_are_json_pointers_and_bookkeeping_is_left_out() -> None:
    before = obj("7", data={"a/b": "1", "c~d": "2", "same": "x"})
    after = obj("8", data={"a/b": "2", "new": "3", "same": "x"})
    assert said(before, after) == [
        '/data/a~1b: "1" → "2"',
        '/data/c~0d: removed (was "2")',
        '/data/new: added "3"',
    ]


def test_lists_are_compared_place_by_place() -> None:
    assert said(obj(a=[1, {"b": 1}]), obj(a=[1, {"b": 2}, 3])) == ["/a/1/b: 1 → 2", "/a/2: added 3"]


def test_what_is_secret_is_hidden_wherever_it_stands() -> None:
    env = [{"name": "DB_PASSWORD", "value": "planted"}]
    found = [
        *said(secret("1", "planted"), secret("1", "planted2")),
        *said(obj(env=env), obj(env=[{**env[0], "value": "planted2"}])),
        *said(obj(), {**secret("1", "planted"), "stringData": {"a": "planted"}}),
        *(one.line for one in removed(secret("1", "planted"))),
    ]
    assert "planted" not in json.dumps(found)
    assert found[:2] == [
        "/data/pin: [redacted] → [redacted]",
        "/env/0/value: [redacted] → [redacted]",
    ]


def test_the_digest_follows_what_would_be_changed_and_nothing_else() -> None:
    def digest(before: Any, after: Any) -> str:
        return preview(PATCH, before, changes(before, after), []).digest

    usual = digest(obj("7", a=1), obj("8", a=2))
    assert digest(obj("9", a=1, other=1), obj("10", a=2, other=1)) == usual
    assert digest(obj("7", a=0), obj("8", a=2)) != usual
    assert digest({**obj(a=1), "metadata": {**META, "uid": "uid-2"}}, obj("8", a=2)) != usual


def test_the_digest_of_a_secret_tells_versions_and_not_values() -> None:
    def digest(before: Any, after: Any) -> str:
        return preview(PATCH, before, changes(before, after), []).digest

    usual = digest(secret("7", "1111"), secret("8", "2222"))
    assert digest(secret("7", "3333"), secret("8", "2222")) == usual
    assert digest(secret("9", "1111"), secret("10", "2222")) != usual


def test_of_very_much_the_first_is_shown_and_all_of_it_counts() -> None:
    before = obj(data={f"k{number:03}": "v" * 600 for number in range(100)})
    after = obj(data={})
    shown = lines(PATCH, before, changes(before, after), [])
    assert (len(shown), shown[-1]) == (65, "… and 36 more")
    assert max(len(line) for line in shown) <= LONGEST_LINE
    less = obj(data={**before["data"], "k099": "w"})
    digests = {preview(PATCH, one, changes(one, after), []).digest for one in (before, less)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    "patch",
    [
        {"json": [{"op": "replace", "path": "/metadata", "value": {}}]},
        {"json": [{"op": "replace", "path": "", "value": {}}]},
        {"json": [{"op": "move", "from": "/metadata/managedFields/0", "path": "/data/x"}]},
        {"merge": {"metadata": {"managedFields": [{}]}}},
        {"merge": {"metadata": None}},
        {"strategic": {"metadata": {"managedFields": []}}},
    ],
)
def test_nobody_wipes_out_what_tells_that_it_was_done(patch: Any) -> None:
    asked = {"operation": "Patch", "apiVersion": "v1", "kind": "ConfigMap", "name": "x"}
    change = KubernetesExecution.model_validate({**asked, "patch": patch})
    assert "managedFields are the server's" in (requests.objection(change) or "")
