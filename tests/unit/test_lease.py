"""The Lease: a lost answer is no lost Lease, and a lost Lease is noticed in time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from kubernetes.aio import client

from amends.kube.connection import Connection
from amends.kube.lease import LeaseSettings, LostLeadership, lead

SETTINGS = LeaseSettings("x", duration_seconds=3, renew_deadline_seconds=2, retry_seconds=1)
Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[Connection]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connection = Connection(client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    try:
        yield connection
    finally:
        await connection.close()
        await runner.cleanup()


class Leases:
    """Keeps one Lease. deaf: it takes everything in, and answers nothing."""

    def __init__(self) -> None:
        self.kept: object = None
        self.lost = 0
        self.deaf = False
        self.renewed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        if request.method != "GET":
            self.kept = await request.json()
            self.renewed.set()
        if self.deaf:
            await asyncio.sleep(10)
        if self.lost:
            self.lost -= 1
            assert request.transport is not None
            request.transport.abort()
        if self.kept is None:
            return web.json_response({"code": 404}, status=404)
        return web.json_response(self.kept)


async def test_lost_answers_do_not_end_the_leader() -> None:
    leases, leading = Leases(), asyncio.Event()

    async def work() -> None:
        leading.set()

    async with served(leases.answer) as connection:
        leader = asyncio.create_task(lead(connection, SETTINGS, "me", work))
        async with asyncio.timeout(10):
            await leading.wait()
            leases.lost = 2  # one of the read, one of the write
            leases.renewed.clear()
            await leases.renewed.wait()
        assert not leader.done()
        leader.cancel()
        await asyncio.gather(leader, return_exceptions=True)


async def test_who_gets_no_answer_stops_leading_before_the_lease_is_over() -> None:
    leases, leading = Leases(), asyncio.Event()

    async def work() -> None:
        leading.set()

    async with served(leases.answer) as connection:
        leader = asyncio.create_task(lead(connection, SETTINGS, "me", work))
        async with asyncio.timeout(10):
            await leading.wait()
        leases.deaf = True
        with pytest.raises(LostLeadership):
            async with asyncio.timeout(SETTINGS.duration_seconds + 0.5):
                await leader
