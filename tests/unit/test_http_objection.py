"""What can never be sent is refused before anyone approves it, in words for who wrote it."""

from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied
from amends.executors.http.executor import HttpExecutor
from loopback import answering, context, http_work


def executor(*allowed: str) -> HttpExecutor:
    return HttpExecutor(context(*allowed))


@pytest.mark.parametrize(
    ("http", "said"),
    [
        pytest.param(
            {"url": "https://other.example.com/x"},
            "spec.execution.http.url: https://other.example.com is not an allowed target. "
            "If it should be, run the operator with --allow-target https://other.example.com",
            id="a target nobody allowed",
        ),
        pytest.param(
            {"body": "x" * 65_535},
            "spec.execution.http.body: 65537 bytes of JSON, at most 65536 are sent. "
            "Make it smaller",
            id="a body over 64 KiB",
        ),
        pytest.param(
            {"headers": [{"name": "idempotency-key", "value": "mine"}]},
            "spec.execution.http.headers[idempotency-key]: idempotency-key carries the idempotency "
            "key, which the operator chooses. Remove it, or name another header in "
            "idempotencyHeader",
            id="an idempotency key of one's own",
        ),
        pytest.param(
            {"idempotencyHeader": "Host"},
            "spec.execution.http.idempotencyHeader: Host is set by the HTTP client. Use the header "
            "that the target documents, usually Idempotency-Key",
            id="the key as Host",
        ),
        pytest.param(
            {"headers": [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}]},
            "spec.execution.http.headers[X-A]: X-A is given twice (case does not matter). Keep one",
            id="a header twice",
        ),
        pytest.param(
            {
                "bodyFrom": [{"path": "/a/b", "secretKeyRef": {"name": "s", "key": "k"}}],
                "body": "t",
            },
            "spec.execution.http.bodyFrom: /a/b does not fit the body. Each step must be a member "
            "of an object or an index of a list",
            id="a secret that has no place in the body",
        ),
        pytest.param(
            {
                "bodyFrom": [
                    {"path": path, "secretKeyRef": {"name": "s", "key": "k"}}
                    for path in ("/a/b", "/a")
                ]
            },
            "spec.execution.http.bodyFrom: /a/b lies inside /a. Keep one of them",
            id="one secret inside another",
        ),
    ],
)
async def test_what_can_never_be_sent(http: dict[str, Any], said: str) -> None:
    work = http_work(**{"url": "https://api.example.com", **http})
    refusing = executor("https://api.example.com")
    assert refusing.objection(work.execution) == said
    assert await refusing.run(work) == NotApplied(said, retryable=False)


FRAMING = (
    "Host Content-Length transfer-encoding CONNECTION Keep-Alive TE Trailer Upgrade Expect "
    "Proxy-Authorization Accept-Encoding Content-Encoding"
)


@pytest.mark.parametrize("name", FRAMING.split())
def test_headers_that_frame_the_message(name: str) -> None:
    work = http_work("https://api.example.com", headers=[{"name": name, "value": "x"}])
    said = executor("https://*").objection(work.execution)
    assert said is not None
    assert said.endswith(f"{name} is set by the HTTP client. Remove it")


async def test_a_body_of_64_kib_is_sent_whole() -> None:
    async with answering() as server:
        outcome = await executor(server.origin).run(http_work(server.origin, body="x" * 65_534))
    assert isinstance(outcome, Applied)
    assert len(server.requests[0][1]) == 65_536
