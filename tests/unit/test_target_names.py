"""What a name leads to: the address that was checked is the one connected to."""

import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from amends.core.outcome import Applied, NotApplied
from amends.executors.http.executor import HttpExecutor
from amends.ports import ExecutorContext
from loopback import KnownSecrets, NoTenants, answering, http_work

API_SERVER = ("10.0.0.1",)


class Names(AbstractResolver):
    """A DNS that answers differently each time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = self.answers[self.asked]
        self.asked += 1
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=families[ip_address(address).version],
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def executor(names: Names, *allowed: str) -> HttpExecutor:
    context = ExecutorContext(KnownSecrets(), NoTenants(), allowed, frozenset(API_SERVER))
    return HttpExecutor(context, lambda: names)


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    async with answering() as server:
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        http = executor(names, f"http://board.example:{server.port}")
        work = http_work(f"http://board.example:{server.port}/x")
        assert isinstance(await http.run(work), Applied)
        assert (names.asked, server.connections) == (1, 1)
        refused = await http.run(work)
    assert refused == NotApplied(
        f"spec.execution.http.url: http://board.example:{server.port} leads to 169.254.169.254, "
        "a metadata service or the Kubernetes API server, which no wildcard allows. If it should "
        f"be called, write http://169.254.169.254:{server.port} in the url and run the operator "
        f"with --allow-target http://169.254.169.254:{server.port}",
        retryable=False,
    )
    assert (names.asked, server.connections) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(["127.0.0.1"], id="loopback"),
        pytest.param(["::1"], id="loopback in IPv6"),
        pytest.param(["::ffff:127.0.0.1"], id="loopback, mapped"),
        pytest.param(["8.8.8.8", "127.0.0.1"], id="one of two"),
        pytest.param(["0.0.0.0"], id="unspecified"),
        pytest.param(["fe80::1%1"], id="link-local with a zone"),
        pytest.param(["10.0.0.1"], id="the API server"),
        pytest.param(["64:ff9b::a9fe:a9fe"], id="metadata behind NAT64"),
    ],
)
async def test_a_name_that_leads_where_it_may_not(answer: list[str]) -> None:
    async with answering() as server:
        outcome = await executor(Names(answer), "http://*").run(
            http_work(f"http://board.example:{server.port}/x")
        )
        assert isinstance(outcome, NotApplied)
        assert not outcome.retryable
        assert "leads to" in outcome.reason
        assert server.connections == 0


async def test_a_listed_name_may_be_local_but_not_the_api_server() -> None:
    async with answering() as server:
        url = f"http://board.example:{server.port}"
        assert isinstance(await executor(Names(["127.0.0.1"]), url).run(http_work(url)), Applied)
        assert isinstance(await executor(Names(["10.0.0.1"]), url).run(http_work(url)), NotApplied)


async def test_a_real_name_that_leads_to_loopback() -> None:
    async with answering() as server:
        url = f"http://localhost:{server.port}"
        context = ExecutorContext(KnownSecrets(), NoTenants(), [url], frozenset())
        assert isinstance(await HttpExecutor(context).run(http_work(url)), Applied)
