"""The objects of the API server: read by name, created once, status written by compare-and-swap."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from async_lru import alru_cache

from amends.api import GROUP, VERSION
from amends.core.key import Key
from amends.kube.connection import LIST_TIMEOUT, Connection, pages
from amends.kube.paths import MERGE_PATCH, PLURALS, escaped, path_of
from amends.ports import Gone, Namespace, Raw

PAGE = 100
"""Objects in one answer to a list. The largest answer is what memory has room for ever after."""
NAMESPACES_ARE_FRESH_SECONDS = 20


class KubeCluster:
    """The Cluster port over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        remembered = alru_cache(maxsize=None, ttl=NAMESPACES_ARE_FRESH_SECONDS)
        self._namespace = remembered(self._read_namespace)

    async def get(self, key: Key) -> Raw | None:
        """The object as it is now, None if there is none."""
        try:
            found: Raw = await self._connection.call("GET", path_of(*key))
        except Gone:
            return None
        return found

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """Create it under its name."""
        typed = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, **body}
        created: Raw = await self._connection.call("POST", path_of(kind, namespace), body=typed)
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
            path_of(before["kind"], meta["namespace"], meta["name"]) + "/status",
            body=patch,
            content_type=MERGE_PATCH,
        )
        return written

    async def delete(self, before: Raw) -> None:
        """Delete this very version: the server refuses if anybody wrote since."""
        meta = before["metadata"]
        guard = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        await self._connection.call(
            "DELETE",
            path_of(before["kind"], meta["namespace"], meta["name"]),
            body={"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": guard},
        )

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        """Every object of a kind in a namespace whose selectable fields have these values."""
        selector = ",".join(f"{field}={escaped(value)}" for field, value in fields.items())
        return [raw async for raw in self.list(kind, selector, namespace)]

    async def list(
        self, kind: str, selector: str, namespace: str | None = None
    ) -> AsyncIterator[Raw]:
        """Every object of a kind that matches a field selector, a page at a time."""
        query = {"fieldSelector": selector, "limit": str(PAGE)}
        path, patience = path_of(kind, namespace), LIST_TIMEOUT if namespace is None else None
        async for page in pages(self._connection, path, query, patience=patience):
            for item in page["items"]:
                yield {"apiVersion": page["apiVersion"], "kind": kind, **item}

    async def missing_kinds(self) -> Sequence[str]:
        """Kinds of ours that the server does not serve."""
        try:
            served = await self._connection.call("GET", f"/apis/{GROUP}/{VERSION}")
        except Gone:
            return sorted(PLURALS)
        names = {resource["name"] for resource in served["resources"]}
        return sorted(kind for kind, plural in PLURALS.items() if plural not in names)

    async def namespace(self, name: str) -> Namespace:
        """What a namespace says of its tenant, at most 20 seconds old.

        Who asks while it is being read shares the answer: every worker asks for the operator's own.
        """
        return await self._namespace(name)

    def forget_namespace(self, name: str) -> None:
        """What is remembered or being read of it may be old: read it anew when it is asked for."""
        self._namespace.cache_invalidate(name)

    async def namespaces(self) -> Mapping[str, Namespace]:
        """Every namespace that is not about to go, by its name."""
        query = {"fieldSelector": "status.phase=Active", "limit": str(PAGE)}
        found: dict[str, Namespace] = {}
        async for page in pages(self._connection, "/api/v1/namespaces", query):
            for item in page["items"]:
                found[item["metadata"]["name"]] = _said_by(item)
        return found

    async def _read_namespace(self, name: str) -> Namespace:
        return _said_by(await self._connection.call("GET", f"/api/v1/namespaces/{name}"))


def _said_by(namespace: Raw) -> Namespace:
    meta = namespace["metadata"]
    return Namespace(meta.get("labels", {}), meta.get("annotations", {}))


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
