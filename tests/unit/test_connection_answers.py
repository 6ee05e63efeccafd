"""What an answer of the API server, or of a proxy before it, says of the request."""

import pytest
from aiohttp import web
from kubernetes.aio import client

from amends.kube.connection import Connection
from amends.ports import Conflict, Exists, Fault, Gone, Rejected, Unsure, Waiting


@pytest.mark.parametrize(
    ("method", "status", "fault"),
    [
        ("PATCH", 404, Gone),
        ("PATCH", 409, Conflict),
        ("POST", 409, Exists),
        ("PATCH", 422, Rejected),
        ("PATCH", 429, Waiting),
        *[("PATCH", status, Unsure) for status in (500, 502, 504, 520, 524, 599)],
        *[("GET", status, Waiting) for status in (500, 502, 504, 520, 524, 599)],
    ],
)
async def test_an_answer_that_does_not_tell_is_never_taken_for_a_refusal(
    method: str, status: int, fault: type[Fault]
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"message": "so it is"}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connection = Connection(client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    try:
        with pytest.raises(fault) as told:
            await connection.call(
                method, "/api/v1/namespaces", body={} if method != "GET" else None
            )
    finally:
        await connection.close()
        await runner.cleanup()
    assert (type(told.value), told.value.status) == (fault, status)
