"""The objects of the API server: read by name, created once, status written by compare-and-swap."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from amends.api import GROUP, KINDS, VERSION
from amends.core.key import Key
from amends.kube.connection import Connection
from amends.ports import Clock, Gone, Raw

MERGE_PATCH = "application/merge-patch+json"
PAGE = 500
LABELS_ARE_FRESH_SECONDS = 60

PLURALS = {kind.__name__: kind.SERVED.plural for kind in KINDS}


class KubeCluster:
    """The Cluster port over one connection."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._labels: dict[str, tuple[float, Mapping[str, str]]] = {}

    async def get(self, key: Key) -> Raw | None:
        """The object as it is now, None if there is none."""
        try:
            found: Raw = await self._connection.call("GET", _path(*key))
        except Gone:
            return None
        return found

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """Create it under its name."""
        typed = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, **body}
        created: Raw = await self._connection.call("POST", _path(kind, namespace), body=typed)
        return created

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        """Compare-and-swap: the server refuses the patch if anybody wrote since `before`."""
        meta = before["metadata"]
        patch = {
            "metadata": {"resourceVersion": meta["resourceVersion"]},
            "status": _merge_patch(before.get("status", {}), status),
        }
        written: Raw = await self._connection.call(
            "PATCH",
            _path(before["kind"], meta["namespace"], meta["name"]) + "/status",
            body=patch,
            content_type=MERGE_PATCH,
        )
        return written

    async def list_open(self, kind: str, selector: str) -> AsyncIterator[Raw]:
        """Every object of a kind that matches a field selector, a page at a time."""
        query = {"fieldSelector": selector, "limit": str(PAGE)}
        while True:
            page = await self._connection.call("GET", _path(kind), query=query)
            for item in page["items"]:
                yield {"apiVersion": page["apiVersion"], "kind": kind, **item}
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def missing_kinds(self) -> list[str]:
        """Kinds of ours that the server does not serve."""
        try:
            served = await self._connection.call("GET", f"/apis/{GROUP}/{VERSION}")
        except Gone:
            return sorted(PLURALS)
        names = {resource["name"] for resource in served["resources"]}
        return sorted(kind for kind, plural in PLURALS.items() if plural not in names)

    async def namespace_labels(self, name: str) -> Mapping[str, str]:
        """Labels of a namespace, at most a minute old."""
        now = self._clock.now().timestamp()
        read_at, labels = self._labels.get(name, (0.0, {}))
        if now - read_at > LABELS_ARE_FRESH_SECONDS:
            namespace = await self._connection.call("GET", f"/api/v1/namespaces/{name}")
            labels = namespace["metadata"].get("labels", {})
            self._labels[name] = (now, labels)
        return labels


def _path(kind: str, namespace: str | None = None, name: str | None = None) -> str:
    scope = f"/namespaces/{namespace}" if namespace is not None else ""
    item = f"/{name}" if name is not None else ""
    return f"/apis/{GROUP}/{VERSION}{scope}/{PLURALS[kind]}{item}"


def _merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What turns `before` into `after` (RFC 7396): null removes, lists are replaced whole."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        was = before.get(key)
        if isinstance(value, dict) and isinstance(was, dict):
            if value != was:
                patch[key] = _merge_patch(was, value)
        elif value != was:
            patch[key] = value
    return patch
