"""Mutual TLS from Secrets: what is shown, whom it trusts, and what is found beforehand."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.http.executor import HttpExecutor
from loopback import KnownSecrets, context, http_work
from tls import Authority, Issued

OURS, THEIRS = Authority(), Authority()


def ref(key: str) -> dict[str, str]:
    return {"name": "pki", "key": key}


MUTUAL = {"certificate": ref("crt"), "key": ref("key"), "ca": ref("ca")}


@asynccontextmanager
async def demanding(
    folder: Path, clients: Authority = OURS
) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that takes requests from clients of an authority; and what it read of them."""
    pem, seen = folder / "server.pem", []
    own = OURS.issue()
    pem.write_text(own.certificate + own.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=clients.certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


def secrets(client: Issued, ca: str = OURS.certificate) -> KnownSecrets:
    return KnownSecrets(pki__crt=client.certificate, pki__key=client.key, pki__ca=ca)


async def run(origin: str, known: KnownSecrets, tls: dict[str, Any]) -> object:
    return await HttpExecutor(context(origin, secrets=known)).run(http_work(origin, tls=tls))


async def test_a_client_that_is_known_is_served(tmp_path: Path) -> None:
    async with demanding(tmp_path) as (origin, seen):
        outcome = await run(origin, secrets(OURS.issue()), MUTUAL)
    assert isinstance(outcome, Applied)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("clients", "tls"),
    [
        pytest.param(THEIRS, MUTUAL, id="of another authority"),
        pytest.param(OURS, {"ca": ref("ca")}, id="without a certificate"),
    ],
)
async def test_a_client_that_the_target_refuses_is_not_applied_or_unknown(
    clients: Authority, tls: dict[str, Any], tmp_path: Path
) -> None:
    async with demanding(tmp_path, clients) as (origin, seen):
        outcome = await run(origin, secrets(OURS.issue()), tls)
    assert isinstance(outcome, (NotApplied, Unknown)), "TLS 1.3 tells it as a lost answer"
    assert seen == []


async def test_a_server_of_another_authority_is_not_trusted(tmp_path: Path) -> None:
    async with demanding(tmp_path) as (origin, seen):
        outcome = await run(origin, secrets(OURS.issue(), ca=THEIRS.certificate), MUTUAL)
    assert isinstance(outcome, NotApplied)
    assert "could not be trusted: TLS failed" in outcome.reason
    assert seen == []


ONE, OTHER = OURS.issue(), OURS.issue()
FROM = (
    "(certificate from key crt of Secret pki, key from key key of Secret pki, "
    "ca from key ca of Secret pki)"
)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        pytest.param(
            secrets(OURS.issue(ends=timedelta(hours=-1))),
            "no target accepts certificate: certificate has expired",
            id="expired",
        ),
        pytest.param(
            secrets(Issued(ONE.certificate, OTHER.key)),
            "key does not belong to certificate",
            id="of two pairs",
        ),
        pytest.param(
            secrets(OURS.issue(password=b"pass")),
            "key is encrypted, and nobody could type its password: store it decrypted",
            id="encrypted",
        ),
        pytest.param(
            secrets(Issued("no PEM", "at all")),
            "certificate and key are not both in PEM",
            id="no PEM",
        ),
        pytest.param(
            secrets(Issued(ONE.key, ONE.certificate)),
            "certificate holds no certificate in PEM",
            id="the wrong way round",
        ),
        pytest.param(secrets(ONE, ca=""), "ca holds no certificate in PEM", id="empty ca"),
        pytest.param(secrets(ONE, ca="é"), "ca holds no certificate in PEM", id="no ASCII"),
    ],
)
async def test_what_cannot_be_used_is_found_before_anything_is_sent(
    known: KnownSecrets, why: str
) -> None:
    outcome = await run("https://127.0.0.1:9", known, MUTUAL)

    assert outcome == NotApplied(f"spec.execution.http.tls: {why} {FROM}", retryable=False)
