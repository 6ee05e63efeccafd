"""Mutual TLS from Secrets: a context for one connection, and its certificate tried beforehand.

With TLS 1.3 a target refuses a certificate only after the client has sent its request, and that
looks like a lost answer. So that a bad one is found while it is certain that nothing was sent, it
is shown to ourselves first.
"""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amends.api.credentials import Tls
from amends.api.secret import SecretKeyRef
from amends.executors.http.secrets import Reading, Unready


class _Unusable(Exception):
    """What a Secret holds is no use, in words that quote none of it."""


@dataclass(frozen=True)
class _Pem:
    """What one connection shows and trusts."""

    certificate: str | None
    key: str | None
    ca: str | None


async def context(tls: Tls | None, field: str, reading: Reading) -> ssl.SSLContext | None:
    """What the connection is made with; None for what every connection has. Raises Unready."""
    if tls is None:
        return None
    pem = _Pem(
        certificate=await _read(tls.certificate, reading),
        key=await _read(tls.key, reading),
        ca=await _read(tls.ca, reading),
    )
    try:
        # The authorities of the system take 60 ms to read: the event loop does not wait for them.
        return await asyncio.to_thread(_context, pem)
    except _Unusable as why:
        source = ", ".join(
            f"{name} from key {ref.key} of Secret {ref.name}"
            for name, ref in (("certificate", tls.certificate), ("key", tls.key), ("ca", tls.ca))
            if ref is not None
        )
        raise Unready.for_good(f"{field}.tls: {why} ({source})") from None


async def _read(ref: SecretKeyRef | None, reading: Reading) -> str | None:
    return None if ref is None else await reading.value(ref)


def _context(pem: _Pem) -> ssl.SSLContext:
    # Without anything else to trust, Python would trust the authorities of the system.
    try:
        made = ssl.create_default_context(cadata=pem.ca if pem.ca is None else pem.ca or "empty")
    except (ssl.SSLError, ValueError, TypeError):
        raise _Unusable("ca holds no certificate in PEM") from None
    if pem.certificate is not None and pem.key is not None:
        _show(made, pem.certificate, pem.key)
        _try(pem.certificate, pem.key)
    return made


def _show(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        # OpenSSL reads these from files alone.
        with _as_file(f"{certificate}\n{key}\n") as path:
            context.load_cert_chain(path, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _Unusable("key does not belong to certificate") from None
        raise _Unusable("certificate and key are not both in PEM") from None


def _no_password() -> str:
    # Without this, OpenSSL would ask for one on the terminal of the operator.
    raise _Unusable("key is encrypted, and nobody could type its password: store it decrypted")


def _try(certificate: str, key: str) -> None:
    """Let a server of our own judge the certificate, as a target that trusts it would."""
    server, client = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for each in (server, client):
        _show(each, certificate, key)
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it vouches for itself
    try:
        server.load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError, TypeError):
        raise _Unusable("certificate holds no certificate in PEM") from None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[ssl.SSLObject] = set()
    while len(done) < len(sides):
        for side in sides:
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                raise _Unusable(f"no target accepts certificate: {error.verify_message}") from None
            except ssl.SSLError as error:
                raise _Unusable(f"certificate cannot be used: {error.reason}") from None


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path to read the text from, in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("pem"), "w", encoding="utf-8") as file:  # noqa: PTH123 - no path
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.TemporaryDirectory() as folder:  # for its owner alone
            path = Path(folder, "pem")
            path.write_text(text)
            yield str(path)
