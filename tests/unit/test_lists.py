"""Lists of everything: in pages, and with more patience than any other request."""

from collections.abc import Mapping
from typing import Any

from amends.handlers import watch
from amends.kube.cluster import PAGE, KubeCluster
from amends.kube.connection import LIST_TIMEOUT, REQUEST_TIMEOUT, Connection


class Server(Connection):
    """Answers every list with two pages, and remembers how it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float | None]] = []

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        impersonate: str | None = None,
        patience: float | None = None,
    ) -> Any:
        assert query is not None
        self.asked.append((path, query["limit"], patience))
        left = {} if "continue" in query else {"continue": "more"}
        return {"apiVersion": "amends.dev/v1alpha1", "metadata": left, "items": []}


async def test_a_busy_server_has_a_minute_to_go_through_all_namespaces() -> None:
    server = Server()
    assert [one async for one in KubeCluster(server).list("Action", "status.phase!=Recorded")] == []
    assert server.asked == [("/apis/amends.dev/v1alpha1/actions", str(PAGE), LIST_TIMEOUT)] * 2


async def test_what_a_decision_waits_for_is_asked_with_the_usual_patience() -> None:
    server = Server()
    await KubeCluster(server).find("Receipt", "shop", {"spec.effectId": "effect-1"})
    path = "/apis/amends.dev/v1alpha1/namespaces/shop/receipts"
    assert server.asked == [(path, str(PAGE), None)] * 2


def test_the_watch_lists_alike() -> None:
    chosen = watch.settings()
    assert (chosen.watching.chunk_size, chosen.networking.request_timeout) == (PAGE, LIST_TIMEOUT)
    assert chosen.networking.connect_timeout == REQUEST_TIMEOUT
