"""The executor that sends one HTTP request, once, and says what can be known about its effect.

The line that matters is the first byte of the request. Before it, whatever goes wrong is
NotApplied: a name that does not resolve, a refused connection, a TLS handshake. From there on, a
timeout, a reset, half an answer or garbage is Unknown. Nothing here sends anything twice.
"""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from amends.api.execution import Execution, HttpExecution
from amends.core.outcome import NotApplied, Outcome, Unknown
from amends.executors import http_request
from amends.executors.http_answer import MAX_ANSWER, Answer, judge
from amends.executors.http_request import Request, Unready
from amends.executors.targets import GuardedResolver, Origin, TargetRefused, Targets, origin_of
from amends.ports import ExecutorContext, Work


class ConnectionLost(aiohttp.ClientError):
    """The connection broke under the request.

    No ClientOSError on purpose: those make aiohttp send a PUT or DELETE a second time, also on a
    connection that was never used before.
    """


class HttpExecutor:
    """Sends the request of `spec.execution.http` with its idempotency key."""

    def __init__(
        self,
        context: ExecutorContext,
        names: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:
        self._secrets = context.secrets
        self._targets = Targets(context.allowed_targets, context.forbidden_addresses)
        self._names = names

    def objection(self, execution: Execution) -> str | None:
        """Why this request is never sent: its URL, its headers or its body, by their text alone."""
        if execution.http is None:
            return "spec.execution.http is missing: the http executor sends what stands there"
        return self._targets.objection(execution.http.url) or http_request.objection(execution.http)

    async def run(self, work: Work) -> Outcome:
        """Send it once. A secret value is in the request and nowhere else."""
        if (why := self.objection(work.execution)) is not None:
            return NotApplied(why, retryable=False)
        execution = work.execution.http
        assert execution is not None, "objection() has looked"
        sending = _Sending(origin_of(execution.url), work)
        try:
            async with asyncio.timeout(work.timeout.total_seconds()):
                request = await http_request.prepare(work, execution, self._secrets)
                resolver = self._targets.resolver(execution.url, self._names())
                answer = await sending.send(execution, request, resolver)
        except Unready as unready:
            return unready.outcome
        except TargetRefused as refused:
            return NotApplied(str(refused), retryable=False)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return sending.broken(error)
        return judge(execution, str(sending.origin), answer, request.redaction)

    async def close(self) -> None:
        """Nothing is held: every request has a connection of its own."""


class _Sending:
    """One request on its way, and whether it has begun to leave."""

    def __init__(self, origin: Origin, work: Work) -> None:
        self.origin = origin
        self._seconds = work.timeout.total_seconds()
        self._begun = False

    async def send(
        self, execution: HttpExecution, request: Request, resolver: GuardedResolver
    ) -> Answer:
        """The answer, or an exception that broken() puts into words."""
        tracing = aiohttp.TraceConfig()
        # aiohttp tells this just before it writes the first byte: early, never late.
        tracing.on_request_headers_sent.append(self._begin)
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # run() holds the only stopwatch
                trust_env=False,
                auto_decompress=False,
                trace_configs=[tracing],
                middlewares=(_send_once,),
            ) as session,
            session.request(
                execution.method.value,
                URL(execution.url),
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
        self._begun = True

    def broken(self, error: Exception) -> Outcome:
        """What it came to without an answer, in words of ours: an error's own may quote secrets."""
        if self._begun:
            return Unknown(
                f"{self.origin} {self._after(error)}. The request was sent, so it may have been "
                "carried out"
            )
        return NotApplied(f"{self.origin} {self._before(error)}. Nothing was sent", retryable=True)

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
