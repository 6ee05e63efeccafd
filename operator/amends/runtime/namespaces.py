"""Floors: what namespaces demand of approvals, and what waits is looked at again when that changes.

A Namespace is not watched: it is read when something in it is decided, and now and then while
something waits there. Whoever learns first that it demands something else has everything that waits
there looked at again.
"""

import asyncio
from collections.abc import Callable

import structlog

from amends.core.key import Key
from amends.core.namespace import Floors, NamespacePolicy
from amends.kube.cache import Cache
from amends.ports import Cluster, Fault

log = structlog.get_logger(__name__)

SECONDS = 10.0
"""How often to ask. The Cluster port answers from memory for a while: half of it costs nothing."""
WAITING = ("Compensation", "Approval")


class NamespaceFloors:
    """The floors of every namespace in which something waits to be approved."""

    def __init__(self, cluster: Cluster, cache: Cache, look: Callable[[Key], None]) -> None:
        self._cluster = cluster
        self._cache = cache
        self._look = look
        self._known: dict[str, Floors] = {}

    async def of(self, namespace: str) -> Floors:
        """What the namespace demands, as recently as the Cluster port knows."""
        found = await self._cluster.namespace(namespace)
        floors = NamespacePolicy.of(found.annotations).floors
        before = self._known.get(namespace, floors)
        self._known[namespace] = floors
        if floors != before:
            log.info("what approvals need has changed", namespace=namespace, floors=floors)
            for key in self._waiting():
                if key.namespace == namespace:
                    self._look(key)
        return floors

    async def run(self) -> None:
        """Ask for as long as it is not cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            await self.ask()

    async def ask(self) -> None:
        """Once, for every namespace in which something waits; all others are forgotten."""
        waiting = {key.namespace for key in self._waiting()}
        self._known = {name: known for name, known in self._known.items() if name in waiting}
        for namespace in sorted(waiting):
            try:
                await self.of(namespace)
            except Fault as why:  # whoever decides something there finds out for itself
                log.warning("namespace cannot be read", namespace=namespace, why=str(why))

    def _waiting(self) -> list[Key]:
        return [key for kind in WAITING for key in self._cache.keys(kind)]
