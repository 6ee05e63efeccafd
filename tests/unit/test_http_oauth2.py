"""OAuth2 client credentials: how a token is asked for, how long it is kept, and who gets it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.http.executor import HttpExecutor
from amends.ports import Work
from loopback import Caller, KnownSecrets, Loopback, answering, context, http_work, serving

SECRET = "cl1ent/s3cret+with signs"
TOKEN = "t0ken-that-nobody-may-see"


def issued(token: str = TOKEN, **more: object) -> dict[str, Any]:
    return {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **more}


@asynccontextmanager
async def issuer(*answers: tuple[int, Any]) -> AsyncIterator[Loopback]:
    """Gives these answers one after the other, and the last one ever after."""
    left = list(answers)

    async def script(caller: Caller) -> None:
        loopback.requests.append(await caller.request())
        status, said = left.pop(0) if len(left) > 1 else left[0]
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n\r\n"
        await caller.say(head.encode() + body)

    async with serving(script) as loopback:
        yield loopback


def known(**more: str) -> KnownSecrets:
    return KnownSecrets(client__secret=SECRET, client__id="amends:id", **more)


def work(target: Loopback, tokens: Loopback, **more: Any) -> Work:
    oauth2 = {
        "tokenUrl": f"{tokens.origin}/token",
        "clientId": "amends",
        "clientSecretFrom": {"name": "client", "key": "secret"},
        **more,
    }
    return http_work(f"{target.origin}/x", oauth2=oauth2)


def executor(*allowed: Loopback, secrets: KnownSecrets | None = None) -> HttpExecutor:
    origins = (each.origin for each in allowed)
    return HttpExecutor(context(*origins, secrets=secrets or known()))


def bearers(target: Loopback) -> list[str]:
    return [
        line.removeprefix("Authorization: ")
        for head, _ in target.requests
        for line in head.splitlines()
        if line.startswith("Authorization: ")
    ]


@pytest.mark.parametrize(
    ("more", "authorization", "form"),
    [
        pytest.param(
            {"scopes": ["undo", "read"], "audience": "https://api.example.com"},
            "Basic YW1lbmRzOmNsMWVudCUyRnMzY3JldCUyQndpdGgrc2lnbnM=",
            "grant_type=client_credentials&scope=undo+read&audience=https%3A%2F%2Fapi.example.com",
            id="in the header",
        ),
        pytest.param(
            {"authStyle": "Body"},
            None,
            "grant_type=client_credentials&client_id=amends"
            "&client_secret=cl1ent%2Fs3cret%2Bwith+signs",
            id="in the body",
        ),
        pytest.param(
            {"clientId": None, "clientIdFrom": {"name": "client", "key": "id"}},
            "Basic YW1lbmRzJTNBaWQ6Y2wxZW50JTJGczNjcmV0JTJCd2l0aCtzaWducw==",
            "grant_type=client_credentials",
            id="id from a Secret",
        ),
    ],
)
async def test_a_token_is_asked_for_and_sent(
    more: dict[str, Any], authorization: str | None, form: str
) -> None:
    async with answering() as target, issuer((200, issued())) as tokens:
        assert isinstance(await executor(target, tokens).run(work(target, tokens, **more)), Applied)
    ((head, body),) = tokens.requests
    assert head.splitlines()[0] == "POST /token HTTP/1.1"
    assert body.decode() == form
    assert bearers(tokens) == ([] if authorization is None else [authorization])
    assert bearers(target) == [f"Bearer {TOKEN}"]


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    async with answering() as target, issuer((200, issued())) as tokens:
        http = executor(target, tokens)
        for _ in range(3):
            await http.run(work(target, tokens))
    assert len(tokens.requests) == 1
    assert bearers(target) == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize("lives", [{"expires_in": 0}, {"expires_in": "soon"}, {"expires_in": None}])
async def test_a_token_that_may_have_expired_is_not_used_again(lives: dict[str, Any]) -> None:
    async with answering() as target, issuer((200, issued(**lives))) as tokens:
        http = executor(target, tokens)
        for _ in range(2):
            await http.run(work(target, tokens))
    assert len(tokens.requests) == 2


async def test_no_tenant_gets_another_ones_token_nor_does_a_rotated_secret() -> None:
    secrets = known()
    async with answering() as target, issuer((200, issued())) as tokens:
        http = executor(target, tokens, secrets=secrets)
        mine = work(target, tokens)
        await http.run(mine)
        await http.run(replace(mine, namespace="tenant-b"))
        await http.run(replace(mine, service_account="another"))
        await http.run(work(target, tokens, scopes=["more"]))
        secrets._values["client/secret"] = "rotated"
        await http.run(mine)
        await http.run(mine)
    assert len(tokens.requests) == 5


async def test_a_token_that_is_not_accepted_any_more_is_replaced_once() -> None:
    answers = ((200, issued("first")), (200, issued("second")))
    async with issuer((200, {}), (401, {})) as target, issuer(*answers) as tokens:
        http = executor(target, tokens)
        assert isinstance(await http.run(work(target, tokens)), Applied)
        stale = await http.run(work(target, tokens))
        fresh = await http.run(work(target, tokens))
    assert bearers(target) == ["Bearer first", "Bearer first", "Bearer second"]
    assert stale == NotApplied(f"{target.origin} answered 401: {{}}", retryable=True)
    assert fresh == NotApplied(f"{target.origin} answered 401: {{}}", retryable=False)


@pytest.mark.parametrize(
    ("status", "said", "why", "retryable"),
    [
        (401, {"error": "invalid_client", "error_description": f"bad {SECRET}"},
         "answered 401 (invalid_client: bad [redacted])", False),
        (400, {"error": "invalid_scope"}, "answered 400 (invalid_scope)", False),
        (302, {}, "answered 302", False),
        (503, b"<html>", "answered 503", True),
        (429, {}, "answered 429", True),
    ],
)  # fmt: skip
async def test_without_a_token_nothing_is_sent(
    status: int, said: Any, why: str, retryable: bool
) -> None:
    async with answering() as target, issuer((status, said)) as tokens:
        outcome = await executor(target, tokens).run(work(target, tokens))
    assert outcome == NotApplied(f"no token: {tokens.origin} {why}. Nothing was sent", retryable)
    assert target.connections == 0


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"token": TOKEN}, "the answer of {} holds no access_token to send"),
        (b"no JSON " + TOKEN.encode(), "the answer of {} holds no access_token to send"),
        (issued("two\r\nlines"), "the answer of {} holds no access_token to send"),
        (issued(token_type="mac"), "{} issues tokens of another type than Bearer"),
    ],
)
async def test_an_answer_that_is_no_token_is_not_repeated(said: Any, why: str) -> None:
    async with answering() as target, issuer((200, said)) as tokens:
        outcome = await executor(target, tokens).run(work(target, tokens))
    assert outcome == NotApplied(f"no token: {why.format(tokens.origin)}", retryable=False)
    assert target.connections == 0


async def test_an_issuer_that_hangs_is_no_unknown_outcome() -> None:
    async with answering() as target, serving(lambda caller: caller.hang()) as tokens:
        asked = replace(work(target, tokens), timeout=timedelta(seconds=0.2))
        outcome = await executor(target, tokens).run(asked)
    assert outcome == NotApplied(
        f"no token: {tokens.origin} did not answer in full within 0.2 s. Nothing was sent"
    )


async def test_an_issuer_has_to_be_an_allowed_target_as_well() -> None:
    async with answering() as target, issuer((200, issued())) as tokens:
        outcome = await executor(target).run(work(target, tokens))
    assert isinstance(outcome, NotApplied)
    assert outcome.reason.startswith(
        f"spec.execution.http.oauth2.tokenUrl: {tokens.origin} is not an allowed target"
    )


async def test_two_authorizations_are_one_too_many() -> None:
    async with answering() as target, issuer((200, issued())) as tokens:
        both = work(target, tokens).execution.wire()
        both["http"]["headers"] = [{"name": "authorization", "value": "Basic x"}]
        objection = executor(target, tokens).objection(type(work(target, tokens).execution)(**both))
    assert objection == (
        "spec.execution.http.headers[authorization]: authorization carries the token of oauth2. "
        "Remove one of them"
    )


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_neither_token_nor_secret_comes_back(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"said": [f"Bearer {TOKEN}", SECRET]}).encode()
    async with answering(status, body=echo) as target, issuer((200, issued())) as tokens:
        outcome = await executor(target, tokens).run(work(target, tokens))
    assert isinstance(outcome, (Applied, NotApplied, Unknown))
    for secret in (TOKEN, SECRET):
        assert secret not in repr(outcome)
        assert secret not in caplog.text


async def test_cancelled_while_it_asks_for_a_token_it_leaves_nothing() -> None:
    asked = asyncio.Event()

    async def hang(caller: Caller) -> None:
        asked.set()
        await caller.hang()

    async with answering() as target, serving(hang) as tokens:
        attempt = asyncio.create_task(executor(target, tokens).run(work(target, tokens)))
        await asked.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    assert target.connections == 0
