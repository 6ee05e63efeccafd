"""Connects as kubectl would, and runs what is asked of the connection to its end."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from amends.cli.asked.where import Where
from amends.cli.shown import failures

if TYPE_CHECKING:  # it takes most of the time that a command needs to start
    from amends.kube.connection import Connection

DEFAULT_KUBECONFIG = Path("~/.kube/config")

TIMEOUT = 30.0
"""Seconds: a long list of a busy server may take so long, and a person waits no longer."""
NO_KUBECONFIG = (TypeError, AttributeError, yaml.YAMLError)
"""What the official loader raises on a file that is no kubeconfig."""

T = TypeVar("T")


class Runner:
    """One event loop, and a limit on how long anything may take."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Runner":
        self._runner.__enter__()
        return self

    def __exit__(self, *why: Any) -> None:
        self._runner.close()

    def run(self, work: Awaitable[T]) -> T:
        """Its result. Ctrl-C cancels it and raises KeyboardInterrupt."""
        return self._runner.run(self._limited(work))

    async def _limited(self, work: Awaitable[T]) -> T:
        async with asyncio.timeout(self._seconds):
            return await work


def connected(runner: Runner, where: Where) -> "Connection":
    """As --kubeconfig, $KUBECONFIG or ~/.kube/config says, else as the pod's account.

    Raises:
        Failure: none of them says how.
    """
    from kubernetes.aio import config

    from amends.kube.connection import Connection

    file = _file(where.kubeconfig)
    try:
        connection = runner.run(Connection.open(file, context=where.context))
    except (config.ConfigException, OSError, *NO_KUBECONFIG) as why:
        known = contexts(where.kubeconfig)
        said = (
            str(why)
            if isinstance(why, (config.ConfigException, OSError))
            else f"{file} is no kubeconfig"
        )
        raise failures.no_way_to_connect(said, known, where.context) from why
    connection.timeout = TIMEOUT
    return connection


def contexts(given: str | None) -> list[str]:
    """Names of the contexts that a kubeconfig has; none if it cannot be read."""
    from kubernetes.aio import config

    try:
        found, _ = config.list_kube_config_contexts(_file(given))
    except (config.ConfigException, OSError, *NO_KUBECONFIG):
        return []
    return [context["name"] for context in found]


def _file(given: str | None) -> str | None:
    home = DEFAULT_KUBECONFIG.expanduser()
    return given or (str(home) if home.exists() else None)
