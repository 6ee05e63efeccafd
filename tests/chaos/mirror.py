"""A mirror of every object of ours, by namespace, for many who ask all the time."""

import asyncio
import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

import aiohttp

from amends.api import GROUP, VERSION
from amends.ports import Raw
from chaos.telling import PLURALS, Objects

_LONGEST_LINE = 4 * 2**20


@dataclass(frozen=True)
class Way:
    """How a kubeconfig says to connect."""

    server: str
    token: str
    trust: SSLContext


def way_of(kubeconfig: Path) -> Way:
    """As our kubeconfigs are written: one cluster, one user."""
    content = json.loads(kubeconfig.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    authority = b64decode(cluster["certificate-authority-data"]).decode()
    return Way(cluster["server"], user["token"], create_default_context(cadata=authority))


class Mirror:
    """What the watches of all kinds have told."""

    def __init__(self) -> None:
        self._objects: defaultdict[str, dict[tuple[str, str], Raw]] = defaultdict(dict)
        self._moved: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._forgotten: set[str] = set()

    def objects(self, namespace: str) -> Objects:
        """Everything there, by kind."""
        found: Objects = {kind: [] for kind in PLURALS}
        for (kind, _), raw in sorted(self._objects[namespace].items()):
            found[kind].append(raw)
        return found

    async def until(
        self, namespace: str, condition: Callable[[], Awaitable[bool]], patience: float
    ) -> None:
        """Ask again whenever something moves there.

        Raises:
            TimeoutError: it took too long, or nobody shall ask any more.
        """
        async with asyncio.timeout(patience):
            while not await condition():
                if namespace in self._forgotten:
                    raise TimeoutError(namespace)
                self._moved[namespace].clear()
                await self._moved[namespace].wait()

    def forget(self, namespace: str) -> None:
        """Nobody shall ask any more."""
        self._forgotten.add(namespace)
        self._objects.pop(namespace, None)
        self._moved.pop(namespace, asyncio.Event()).set()

    async def follow(self, session: aiohttp.ClientSession, server: str, kind: str) -> None:
        """Watch one kind until cancelled, from its first object on."""
        path = f"{server}/apis/{GROUP}/{VERSION}/{PLURALS[kind]}"
        query = {"watch": "1", "allowWatchBookmarks": "true"}
        version = ""
        while True:
            async with session.get(path, params={**query, "resourceVersion": version}) as answer:
                answer.raise_for_status()
                async for line in answer.content:
                    version = self._told(kind, json.loads(line))

    def _told(self, kind: str, event: Any) -> str:
        raw = event["object"]
        if event["type"] == "ERROR":
            raise RuntimeError(f"the watch of {kind} ended: {raw}")
        meta = raw["metadata"]
        if meta.get("namespace") in self._forgotten:
            return str(meta["resourceVersion"])
        if event["type"] == "DELETED":
            self._objects[meta["namespace"]].pop((kind, meta["name"]), None)
        elif event["type"] != "BOOKMARK":
            self._objects[meta["namespace"]][kind, meta["name"]] = raw
        if event["type"] != "BOOKMARK":
            self._moved[meta["namespace"]].set()
        return str(meta["resourceVersion"])


@asynccontextmanager
async def mirror(admin: Path) -> AsyncIterator[Mirror]:
    """Follow all kinds as an administrator."""
    way = way_of(admin)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=way.trust),
        headers={"Authorization": f"Bearer {way.token}"},
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=_LONGEST_LINE,
    ) as session:
        made = Mirror()
        following = [
            asyncio.create_task(made.follow(session, way.server, kind)) for kind in PLURALS
        ]
        try:
            yield made
        finally:
            for task in following:
                task.cancel()
            ended = await asyncio.gather(*following, return_exceptions=True)
        for failed in ended:
            if isinstance(failed, Exception):
                raise failed
