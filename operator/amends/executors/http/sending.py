"""One HTTP request on its way: sent once, to an address that was checked, and how it broke off.

The line that matters is the first byte of the request. Before it, whatever goes wrong is
NotApplied: a name that does not resolve, a refused connection, a TLS handshake. From there on, a
timeout, a reset, half an answer or garbage is Unknown. Nothing here sends anything twice.
"""

import ssl
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from yarl import URL

from amends.core.outcome import NotApplied, Unknown
from amends.executors.http.answer import MAX_ANSWER, Answer
from amends.executors.http.request import Request
from amends.executors.targets import GuardedResolver, Origin
from amends.ports import OUT_OF_TIME


class ConnectionLost(aiohttp.ClientError):
    """The connection broke under the request.

    No ClientOSError on purpose: those make aiohttp send a PUT or DELETE a second time, also on a
    connection that was never used before.
    """


class OutOfTime(aiohttp.ClientError):
    """The claim ran out before the first byte left."""


class Sending:
    """One request on its way, and whether it has begun to leave."""

    def __init__(
        self, origin: Origin, seconds: float, may_begin: Callable[[], bool] = lambda: True
    ) -> None:
        self.origin = origin
        self._seconds = seconds
        self._may_begin = may_begin
        self._begun = False

    async def send(
        self, request: Request, resolver: GuardedResolver, context: ssl.SSLContext | None
    ) -> Answer:
        """The answer, or an exception that broken() puts into words. The caller has a stopwatch."""
        tracing = aiohttp.TraceConfig()
        # aiohttp tells this just before it writes the first byte: early, never late.
        tracing.on_request_headers_sent.append(self._begin)
        connector = aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, force_close=True, ssl=context or True
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trust_env=False,
                auto_decompress=False,
                trace_configs=[tracing],
                middlewares=(_send_once,),
            ) as session,
            session.request(
                request.method,
                URL(request.url),
                headers=request.headers,
                data=request.body,
                skip_auto_headers=("Content-Type", "Accept-Encoding"),
                allow_redirects=False,
            ) as response,
        ):
            body = await _read(response.content)
            return Answer(
                response.status, response.headers, body[:MAX_ANSWER], len(body) > MAX_ANSWER
            )

    async def _begin(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        if not self._may_begin():
            raise OutOfTime
        self._begun = True

    def broken(self, error: Exception) -> NotApplied | Unknown:
        """What it came to without an answer, in words of ours: an error's own may quote secrets."""
        if self._begun:
            return Unknown(
                f"{self.origin} {self._after(error)}. The request was sent, so it may have been "
                "carried out",
                target_is_down=True,
            )
        if isinstance(error, OutOfTime):
            return NotApplied(f"{OUT_OF_TIME}. Nothing was sent", retryable=True)
        why = f"{self.origin} {self.failure(error)}. Nothing was sent"
        return NotApplied(why, retryable=True, target_is_down=True)

    def failure(self, error: Exception) -> str:
        """Why there is no answer, as a predicate of the origin."""
        return self._after(error) if self._begun else self._before(error)

    def _after(self, error: Exception) -> str:
        match error:
            case TimeoutError():
                return f"did not answer in full within {self._seconds:g} s"
            case aiohttp.ClientPayloadError():
                return "broke off in the middle of its answer"
            case aiohttp.ClientResponseError():
                return "sent an answer that is no HTTP"
            case _:
                return "closed the connection before it answered"

    def _before(self, error: Exception) -> str:
        match error:
            case TimeoutError():
                return f"could not be reached within {self._seconds:g} s"
            case aiohttp.ClientConnectorDNSError():
                return f"could not be resolved ({error.os_error.strerror})"
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return f"could not be trusted: TLS failed ({error.os_error})"
            case aiohttp.ClientConnectorError():
                return f"could not be reached ({error.os_error.strerror})"
            case _:
                return f"could not be reached ({type(error).__name__})"


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # never connected, and never sent again by aiohttp
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionLost from error


async def _read(content: aiohttp.StreamReader) -> bytes:
    """As much as is kept, and one byte more if there is more."""
    body = bytearray()
    while len(body) <= MAX_ANSWER and (chunk := await content.read(MAX_ANSWER + 1 - len(body))):
        body += chunk
    return bytes(body)
