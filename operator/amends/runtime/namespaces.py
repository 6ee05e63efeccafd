"""Namespaces: what each demands and forbids; what is open there is looked at when that changes.

A Namespace is read when something in it is decided. The watch says when one has moved, so a freeze
is heard of at once; should the watch be cut, it is asked for now and then as well. Whoever learns
first that a namespace says something else has everything that is open there looked at again.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from amends.core.escalation import Defaults
from amends.core.key import Key
from amends.core.namespace import FREEZE, Floors, Limits, NamespacePolicy
from amends.kube.cache import Cache
from amends.ports import Cluster, Fault, Gone

log = structlog.get_logger(__name__)

SECONDS = 10.0
"""How often to ask. The Cluster port answers from memory for a while: half of it costs nothing."""
CONCERNED = ("Compensation", "Approval", "DeadLetter")


@dataclass(frozen=True)
class Rules:
    """What holds for a namespace now. freeze: why nothing may begin there, in words for people.
    escalation: what it says of that, None: nothing."""

    floors: Floors
    limits: Limits
    freeze: str | None
    escalation: Defaults | None = None


class Namespaces:
    """The rules of every namespace in which something is open.

    home: the operator's own namespace; frozen, it freezes all of them. None: there is none.
    """

    def __init__(
        self, cluster: Cluster, cache: Cache, look: Callable[[Key], None], home: str | None = None
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._look = look
        self._home = home
        self._known: dict[str, Rules] = {}
        self._moved: set[str] = set()
        self._bell = asyncio.Event()

    async def of(self, namespace: str) -> Rules:
        """What the namespace says, as recently as the Cluster port knows."""
        found = await self._cluster.namespace(namespace)
        policy = NamespacePolicy.of(found.annotations)
        freeze = await self._everywhere()
        if freeze is None and policy.freeze is not None:
            freeze = _frozen(namespace, policy.freeze, "here")
        rules = Rules(policy.floors, policy.limits, freeze, policy.escalation)
        before = self._known.get(namespace, rules)
        self._known[namespace] = rules
        if rules != before:
            log.info("a namespace says something else", namespace=namespace, rules=rules)
            for key in self._open():
                if key.namespace == namespace:
                    self._look(key)
        return rules

    def moved(self, namespace: str) -> None:
        """The watch tells of a namespace: whatever was remembered of it may be old."""
        self._cluster.forget_namespace(namespace)
        self._moved.add(namespace)
        self._bell.set()

    async def run(self) -> None:
        """Ask for as long as it is not cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await self._bell.wait()
            self._bell.clear()
            moved, self._moved = self._moved, set()
            await self.ask(None if not moved or self._home in moved else moved)

    async def ask(self, only: set[str] | None = None) -> None:
        """Once, for every namespace in which something is open; all others are forgotten."""
        concerned = {key.namespace for key in self._open()}
        self._known = {name: known for name, known in self._known.items() if name in concerned}
        for namespace in sorted(concerned if only is None else concerned & only):
            try:
                await self.of(namespace)
            except Fault as why:  # whoever decides something there finds out for itself
                log.warning("namespace cannot be read", namespace=namespace, why=str(why))

    async def _everywhere(self) -> str | None:
        if self._home is None:
            return None
        try:
            home = await self._cluster.namespace(self._home)
        except Gone:
            return None
        why = home.annotations.get(FREEZE)
        return _frozen(self._home, why, "in any namespace") if why is not None else None

    def _open(self) -> list[Key]:
        return [key for kind in CONCERNED for key in self._cache.keys(kind)]


def _frozen(namespace: str, why: str, where: str) -> str:
    reason = f" ({why})" if why.strip() else ""
    return (
        f"namespace {namespace} is frozen{reason}: nothing begins {where} until its annotation "
        f"{FREEZE} is taken away"
    )
