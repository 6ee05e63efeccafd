"""Secrets reach the target and nobody else: no outcome, no log and no repr shows them."""

import base64
import html
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.http import request
from amends.executors.http.executor import HttpExecutor
from amends.executors.http.secrets import Reading
from amends.executors.redaction import REDACTED, Redaction
from amends.ports import Unsure, Waiting
from loopback import Caller, KnownSecrets, answering, context, http_work, serving

PIN = 'gr/ün "7&+ pin'
TOKEN = "s3cr3t-token/with+signs=="
SECRETS = KnownSecrets(bank__pin=PIN, bank__token=f"Bearer {TOKEN}")
WITH_SECRETS: dict[str, Any] = {
    "headers": [
        {"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "bank", "key": "token"}}}
    ],
    "body": {"account": "A-1"},
    "bodyFrom": [{"path": "/auth/pin", "secretKeyRef": {"name": "bank", "key": "pin"}}],
}


async def test_they_are_sent_where_they_belong() -> None:
    secrets = KnownSecrets(bank__pin=PIN, bank__token=f"Bearer {TOKEN}")
    async with answering() as server:
        http = HttpExecutor(context(server.origin, secrets=secrets))
        assert isinstance(await http.run(http_work(server.origin, **WITH_SECRETS)), Applied)
    ((head, body),) = server.requests
    assert f"Authorization: Bearer {TOKEN}\r\n" in head
    assert json.loads(body) == {"account": "A-1", "auth": {"pin": PIN}}
    assert secrets.asked == [
        ("tenant-a", "bank", "pin", "undoer"),
        ("tenant-a", "bank", "token", "undoer"),
    ]


@pytest.mark.parametrize(
    ("path", "body", "sent"),
    [
        pytest.param("/pin", None, {"pin": PIN}, id="into no body"),
        pytest.param("/a/0/pin", {"a": [{"pin": "?"}]}, {"a": [{"pin": PIN}]}, id="into a list"),
        pytest.param("/a/-", {"a": [1]}, {"a": [1, PIN]}, id="behind a list"),
        pytest.param("/a~1b/c~0d", {}, {"a/b": {"c~d": PIN}}, id="under odd names"),
    ],
)
async def test_where_a_json_pointer_leads(path: str, body: Any, sent: Any) -> None:
    body_from = [{"path": path, "secretKeyRef": {"name": "bank", "key": "pin"}}]
    async with answering() as server:
        http = HttpExecutor(context(server.origin, secrets=SECRETS))
        await http.run(http_work(server.origin, body=body, bodyFrom=body_from))
    assert json.loads(server.requests[0][1]) == sent


# ------------------------------------------------------------------------------ what comes back

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text),
    "JSON, not only ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"echo": text})),
    "URL": lambda text: quote(text, safe=""),
    "URL with slashes": quote,
    "URL in lower case": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, safe="")),
    "form": quote_plus,
    "HTML": html.escape,
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "Base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Base64 of user and password": lambda text: base64.b64encode(f"me:{text}".encode()).decode(),
}


def texts(value: object) -> Iterator[str]:
    """Every text in a value, unescaped, and the way that the value shows itself."""
    yield repr(value)
    match value:
        case str():
            yield value
        case dict():
            for each in (*value, *value.values()):
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)
        case Applied() | NotApplied() | Unknown():
            yield from texts(vars(value))
        case _:
            pass


def shows(value: object, secret: str) -> list[str]:
    """The spellings in which the secret is still there."""
    shown = "\n".join(texts(value))
    return [name for name, spell in SPELLINGS.items() if spell(secret).strip('"=') in shown]


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("secret", [PIN, TOKEN])
async def test_an_echo_is_redacted(
    secret: str, status: int, spell: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = spell(secret)
    headers = {"X-Request-Id": quote(secret), "Location": f"https://x.example/{quote(secret)}"}
    for body in (echo, f"<p>{echo}</p>", json.dumps({"said": [echo], echo: 1})):
        async with answering(status, headers, body.encode()) as server:
            http = HttpExecutor(context(server.origin, secrets=SECRETS))
            outcome = await http.run(http_work(server.origin, **WITH_SECRETS))
        assert REDACTED in repr(outcome)
        assert shows(outcome, secret) == []
    assert shows(caplog.text, secret) == []


async def test_a_number_that_is_the_secret() -> None:
    secrets = KnownSecrets(bank__pin="4711", bank__token="t0ken-long")
    async with answering(body=b'{"pin": 4711, "id": 12}') as server:
        http = HttpExecutor(context(server.origin, secrets=secrets))
        outcome = await http.run(http_work(server.origin, **WITH_SECRETS))
    assert isinstance(outcome, Applied)
    assert outcome.evidence["body"] == {"pin": REDACTED, "id": 12}


async def test_a_secret_cut_in_two_at_the_end_of_a_long_body() -> None:
    filling = b"." * (65_536 - 10)
    async with answering(body=filling + TOKEN.encode() * 9) as server:
        http = HttpExecutor(context(server.origin, secrets=SECRETS))
        outcome = await http.run(http_work(server.origin, **WITH_SECRETS))
    assert isinstance(outcome, Applied)
    assert outcome.evidence["body"] == filling.decode()


async def test_a_status_line_with_the_secret() -> None:
    async def script(caller: Caller) -> None:
        await caller.request()
        await caller.say(f"HTTP/9 {TOKEN} {TOKEN}\r\n\r\n".encode())

    async with serving(script) as server:
        http = HttpExecutor(context(server.origin, secrets=SECRETS))
        outcome = await http.run(http_work(server.origin, **WITH_SECRETS))
    assert isinstance(outcome, Unknown)
    assert shows(outcome, TOKEN) == []


async def test_the_request_does_not_show_itself() -> None:
    work = http_work("https://api.example.com", **WITH_SECRETS)
    assert work.execution.http is not None
    reading = Reading(work, SECRETS)
    prepared = await request.prepare("key", work.execution.http, reading)
    assert shows(prepared, TOKEN) == []
    assert shows(prepared, PIN) == []


@pytest.mark.parametrize(
    ("secrets", "text", "clean"),
    [
        pytest.param(["abc", "abcdef"], "-abcdef-abcd-", "-[redacted]-[redacted]d-", id="a prefix"),
        pytest.param(
            ["e", "red"], "red tree", "[redacted] tr[redacted][redacted]", id="of the mark"
        ),
        pytest.param(["", "  ", "\n"], "a\nb", "a[redacted]b", id="empty ones match nothing"),
        pytest.param(["x" * 99], "x" * 98 + "-" + "x" * 99, "x" * 98 + "-[redacted]", id="long"),
        pytest.param(["pin\n"], "pin", "[redacted]", id="the target dropped the line break"),
        pytest.param([], "text", "text", id="none"),
    ],
)
def test_what_redaction_leaves(secrets: list[str], text: str, clean: str) -> None:
    assert Redaction(secrets).text(text) == clean


@given(
    secret=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
    before=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    after=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    length=st.integers(0, 90),
)
def test_whatever_the_secret_is(secret: str, before: str, after: str, length: int) -> None:
    redaction = Redaction([secret])
    text = before + secret + after
    for clean in (
        redaction.text(text),
        redaction.json({text: [text]})[redaction.text(text)][0],
        redaction.cut_text(text[:length]),
    ):
        # What is left of REDACTED and its neighbours may spell a short secret again by chance.
        assert all(secret not in piece for piece in clean.split(REDACTED))


# --------------------------------------------------------------------- secrets that do not come


class Failing:
    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        raise self._fault


@pytest.mark.parametrize(
    ("secrets", "outcome"),
    [
        pytest.param(
            KnownSecrets(bank__token="t"),
            NotApplied("Secret bank has no key pin", retryable=False),
            id="missing or forbidden: a person must act",
        ),
        pytest.param(
            Failing(Waiting("the API server is busy", timedelta(seconds=3))),
            NotApplied("the API server is busy", True, timedelta(seconds=3)),
            id="the API server is busy: later",
        ),
        pytest.param(
            Failing(Unsure("no answer from the API server")),
            NotApplied("no answer from the API server"),
            id="a read that was lost changed nothing",
        ),
        pytest.param(
            KnownSecrets(bank__pin=PIN, bank__token="Bearer abc\n"),
            NotApplied(
                "spec.execution.http.headers[Authorization]: key token of Secret bank holds a line "
                "break or another control character, often a line break at its end. "
                "Store it without",
                retryable=False,
            ),
            id="a line break that would end the header",
        ),
        pytest.param(
            KnownSecrets(bank__pin=PIN, bank__token="x" * 8193),
            NotApplied(
                "spec.execution.http.headers[Authorization]: key token of Secret bank holds 8193 "
                "characters, a header at most 8192",
                retryable=False,
            ),
            id="a header no server takes",
        ),
        pytest.param(
            KnownSecrets(bank__pin="x" * 65_536, bank__token="t"),
            NotApplied(
                "spec.execution.http.body: 65571 bytes with its secrets, at most 65536",
                retryable=False,
            ),
            id="a body that only its secrets make too long",
        ),
    ],
)
async def test_nothing_is_sent_without_them(secrets: KnownSecrets, outcome: NotApplied) -> None:
    async with answering() as server:
        http = HttpExecutor(context(server.origin, secrets=secrets))
        assert await http.run(http_work(server.origin, **WITH_SECRETS)) == outcome
        assert server.connections == 0
