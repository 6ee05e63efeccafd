"""Where objects of any kind are on the API server, as it says itself (discovery)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from amends.ports import Gone, Rejected, Tenants

FRESH_SECONDS = 300.0
"""How long what the server has said of a group is taken as true."""
MISSED_SECONDS = 10.0
"""The same for what it does not serve: a CRD may just have been installed."""


@dataclass(frozen=True)
class Resource:
    """A kind as it is served, in one namespace.

    has_status: whether its status is written through a subresource, and only there.
    """

    group: str
    plural: str
    collection: str
    has_status: bool

    def path(self, name: str) -> str:
        """Where one object is."""
        return f"{self.collection}/{quote(name, safe='')}"


class Resources:
    """Kinds, looked up with the rights of the tenant: everybody who is authenticated may."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    async def find(
        self, api_version: str, kind: str, namespace: str, service_account: str
    ) -> Resource:
        """Where objects of this kind are in the namespace.

        Raises:
            Rejected: it is not served, or it is not namespaced.
            Fault: the server did not say.
        """
        found = await self._entry(api_version, kind, namespace, service_account)
        if not found["namespaced"]:
            raise Rejected(
                f"{kind} of {api_version} belongs to the whole cluster: an undo changes objects of "
                "its own namespace only, so name a namespaced kind"
            )
        group = api_version.rpartition("/")[0]
        plural, space = str(found["name"]), quote(namespace, safe="")
        collection = f"{_root(api_version)}/namespaces/{space}/{plural}"
        return Resource(group, plural, collection, found["hasStatus"])

    async def _entry(
        self, api_version: str, kind: str, namespace: str, service_account: str
    ) -> Mapping[str, Any]:
        now = asyncio.get_running_loop().time()
        asked_at, kinds = self._known.get(api_version, (float("-inf"), {}))
        if now - asked_at > (FRESH_SECONDS if kind in kinds else MISSED_SECONDS):
            kinds = await self._asked(api_version, namespace, service_account)
            if kinds:  # what people misspell is not kept
                self._known[api_version] = (now, kinds)
        if kind not in kinds:
            served = f"it serves {', '.join(sorted(kinds))}" if kinds else "it serves none of it"
            raise Rejected(
                f"the API server has no kind {kind} in apiVersion {api_version} ({served}): "
                "correct apiVersion and kind, or install its CRD"
            )
        entry: Mapping[str, Any] = kinds[kind]
        return entry

    async def _asked(
        self, api_version: str, namespace: str, service_account: str
    ) -> Mapping[str, Any]:
        try:
            found = await self._tenants.call("GET", _root(api_version), namespace, service_account)
        except Gone:
            return {}
        # Subresources are named parent/child.
        names = {one["name"] for one in found["resources"]}
        return {
            one["kind"]: {**one, "hasStatus": f"{one['name']}/status" in names}
            for one in found["resources"]
            if "/" not in one["name"]
        }


def _root(api_version: str) -> str:
    group, _, version = (quote(part, safe="") for part in api_version.rpartition("/"))
    return f"/apis/{group}/{version}" if group else f"/api/{version}"
