"""Where this process runs: which cluster and namespace it means, and what it calls itself.

The one place of the client that reads the environment and throws dice.
"""

import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio.config import ConfigException

from amends.client.errors import NotClaimed
from amends.kube.connection import Connection


@dataclass(frozen=True)
class Place:
    """A cluster and a namespace, as far as the caller names them; else found as kubectl does."""

    kubeconfig: Path | str | None = None
    context: str | None = None
    namespace: str | None = None

    @property
    def flags(self) -> list[str]:
        """What tells kubectl the same."""
        told = (("--kubeconfig", self.kubeconfig), ("--context", self.context))
        return [word for option, value in told if value for word in (option, str(value))]


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[tuple[Connection, str]]:
    """A connection with credentials as they are now, and the namespace.

    Raises:
        NotClaimed: nothing here says how to connect.
    """
    file = _kubeconfig(place)
    try:
        connection = await Connection.open(file, context=place.context)
    except (ConfigException, OSError) as why:
        raise NotClaimed(
            f"no way to connect to a cluster: {why}. Set KUBECONFIG, give kubeconfig=, or run in a "
            "pod with a service account token"
        ) from why
    try:
        yield connection, place.namespace or connection.namespace or "default"
    finally:
        await connection.close()


def process_identity() -> str:
    """A name for this process at this moment that no other has: in a pod, the pod's and dice."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"


def _kubeconfig(place: Place) -> str | None:
    """As kubectl looks for it; None: there is none, so this is a pod or nothing."""
    named = place.kubeconfig or os.environ.get("KUBECONFIG")
    if named is not None:
        files = [Path(file).expanduser() for file in str(named).split(os.pathsep) if file]
        if not any(file.exists() for file in files):
            raise NotClaimed(f"there is no kubeconfig {named}")
        return str(named)
    home = Path("~/.kube/config").expanduser()
    if home.exists():
        return str(home)
    if place.context is not None:
        raise NotClaimed(f"there is no kubeconfig that could have a context {place.context}")
    return None
