"""The request that makes a change, guarded by the version that was looked at. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from amends.api.kubernetes import ChangeOperation, KubernetesExecution, Patch
from amends.executors.kubernetes.resources import Resource
from amends.ports import Raw

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

OWN_GROUP = "amends.dev"


@dataclass(frozen=True)
class Request:
    """One write."""

    method: str
    path: str
    body: Any
    content_type: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def dry(self) -> "Request":
        """The same for no effect.

        Of a DELETE with a body the server reads its options there, and ignores those of the query.
        """
        if self.method == "DELETE":
            return replace(self, body={**self.body, "dryRun": ["All"]})
        return replace(self, query={**self.query, "dryRun": "All"})


def manager(idempotency_key: str) -> str:
    """The field manager of one undo: what it leaves on the object tells that it was done."""
    return f"amends-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]}"


def objection(change: KubernetesExecution) -> str | None:
    """Why a change is never made, by its text alone; most of that the API server has refused."""
    group = change.api_version.rpartition("/")[0] or change.api_version
    if group == OWN_GROUP:
        return (
            f"spec.execution.kubernetes.apiVersion {change.api_version} is of Amends itself, whose "
            "records no undo may change: name an object of another API group"
        )
    if (place := _bookkeeping(change)) is not None:
        return (
            f"spec.execution.kubernetes.{place}: managedFields are the server's, and tell whether "
            "the change has been made: leave them out"
        )
    return None


def _bookkeeping(change: KubernetesExecution) -> str | None:
    bodies = {"manifest": change.manifest}
    if (patch := change.patch) is not None:
        bodies |= {"patch.merge": patch.merge, "patch.strategic": patch.strategic}
        for number, step in enumerate(patch.json_patch or ()):
            # The whole object, its whole metadata, or just these.
            if any(_covers_managed_fields(step.get(key)) for key in ("path", "from")):
                return f"patch.json[{number}] is {step.get('op')} of {step.get('path')!r}"
    for place, body in bodies.items():
        metadata = (body or {}).get("metadata", {})
        if not isinstance(metadata, dict) or "managedFields" in metadata:
            return f"{place}.metadata.managedFields"
    return None


def _covers_managed_fields(pointer: object) -> bool:
    if not isinstance(pointer, str):
        return False
    place = _place(pointer)
    return place in ("", "/metadata") or place.startswith("/metadata/managedFields")


def _place(pointer: str) -> str:
    """The API server ignores what stands before the first slash."""
    before, slash, within = pointer.partition("/")
    return f"/{within}" if slash else before


def touches_status(change: KubernetesExecution) -> bool:
    """Whether it would write what only a subresource takes, where the kind has one."""
    if change.patch is None:
        return bool((change.manifest or {}).get("status"))
    for body in (change.patch.merge, change.patch.strategic):
        if (body or {}).get("status", {}) != {}:
            return True
    return any(
        _place(pointer).split("/")[1:2] == ["status"]
        for step in change.patch.json_patch or ()
        for pointer in _written(step)
    )


def _written(step: Mapping[str, Any]) -> list[str]:
    keys = {"test": (), "move": ("from", "path")}.get(str(step.get("op")), ("path",))
    return [str(step.get(key)) for key in keys]


def write(
    change: KubernetesExecution,
    resource: Resource,
    before: Raw | None,
    managed_by: str,
    *,
    force: bool = False,
) -> Request:
    """The request that makes the change, if the object is still what it was before."""
    query = {"fieldManager": managed_by, "fieldValidation": "Strict"}
    path = resource.path(change.name)
    if before is None:
        assert change.operation is ChangeOperation.APPLY, "nothing else makes an object"
        return Request("POST", resource.collection, _manifest(change), query=query)
    match change.operation:
        case ChangeOperation.DELETE:
            return Request("DELETE", path, _delete_options(before))
        case ChangeOperation.APPLY:
            # With the uid: of the version alone the server makes a new object, if that one is gone.
            body = _guarded(_manifest(change), before, "uid", "resourceVersion")
            forced = {**query, "force": "true"} if force else query
            return Request("PATCH", path, body, APPLY, forced)
        case ChangeOperation.PATCH:
            assert change.patch is not None, "the API server has seen to it"
            patch, content_type = _patch(change.patch, before)
            return Request("PATCH", path, patch, content_type, query)


def _delete_options(before: Raw) -> Raw:
    meta = before["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
    }


def _manifest(change: KubernetesExecution) -> dict[str, Any]:
    given = change.manifest or {}
    return {
        **given,
        "apiVersion": change.api_version,
        "kind": change.kind,
        "metadata": {**given.get("metadata", {}), "name": change.name},
    }


def _patch(patch: Patch, before: Raw) -> tuple[Any, str]:
    if patch.merge is not None:
        return _guarded(patch.merge, before), MERGE
    if patch.strategic is not None:
        return _guarded(patch.strategic, before), STRATEGIC
    # Written, not tested: another version is then a conflict, as in the other forms.
    version = before["metadata"]["resourceVersion"]
    guard = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
    return [*(patch.json_patch or ()), guard], JSON_PATCH


def _guarded(body: Mapping[str, Any], before: Raw, *keys: str) -> dict[str, Any]:
    guard = {key: before["metadata"][key] for key in keys or ("resourceVersion",)}
    return {**body, "metadata": {**body.get("metadata", {}), **guard}}
