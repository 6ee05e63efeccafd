"""The executor that sends one HTTP request, once, and says what can be known about its effect.

It prepares (request, secrets, tls, token), sends (sending) and judges (answer, assertions). A probe
goes the same way, but changes nothing: whatever goes wrong with it leaves the effect Unknown.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import aiohttp
from aiohttp.abc import AbstractResolver

from amends.api.execution import Execution
from amends.api.http import HttpCall
from amends.api.verification import Verification
from amends.core.outcome import NotApplied, Outcome, Unknown
from amends.executors.http import assertions, request, tls
from amends.executors.http.answer import Answer, judge, judge_probe
from amends.executors.http.request import EXECUTION, PROBE, Request
from amends.executors.http.secrets import Reading, Unready
from amends.executors.http.sending import Sending
from amends.executors.http.token import Token, Tokens
from amends.executors.redaction import Redaction
from amends.executors.targets import TargetRefused, Targets, origin_of
from amends.ports import ExecutorContext, Work


@dataclass(frozen=True)
class _Answered:
    """The target has answered. token: what the request proved itself with."""

    answer: Answer
    origin: str
    redaction: Redaction
    token: Token | None


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
        self._tokens = Tokens(self._targets, names)

    def objection(self, execution: Execution) -> str | None:
        """Why this request is never sent: its URL, its headers or its body, by their text alone."""
        if execution.http is None:
            return "spec.execution.http is missing: the http executor sends what stands there"
        call = execution.http
        return self._objection(call, EXECUTION) or request.objection(call)

    def probe_objection(self, verification: Verification) -> str | None:
        """Why this probe is never sent, likewise."""
        probe = verification.http
        return self._objection(probe, PROBE) or request.header_objection(probe, PROBE)

    def _objection(self, call: HttpCall, field: str) -> str | None:
        why = self._targets.objection(call.url, f"{field}.url")
        if why is None and call.oauth2 is not None:
            why = self._targets.objection(call.oauth2.token_url, f"{field}.oauth2.tokenUrl")
        return why or assertions.objection(call.assertions, field)

    async def run(self, work: Work) -> Outcome:
        """Send it once. A secret value is in the request and nowhere else."""
        if (why := self.objection(work.execution)) is not None:
            return NotApplied(why, retryable=False)
        call = work.execution.http
        assert call is not None, "objection() has looked"

        async def prepare(reading: Reading) -> Request:
            return await request.prepare(work.idempotency_key, call, reading)

        answered = await self._ask(work, call, EXECUTION, prepare)
        if not isinstance(answered, _Answered):
            return answered
        # Assertions may take a while on a large answer: the event loop does not wait for them.
        outcome = await asyncio.to_thread(
            judge, call, answered.origin, answered.answer, answered.redaction
        )
        return self._after(call, answered, outcome)

    async def probe(self, work: Work, verification: Verification) -> Outcome:
        """Look once whether it has happened. Whatever goes wrong leaves it Unknown."""
        if (why := self.probe_objection(verification)) is not None:
            return Unknown(why)
        call = verification.http

        async def prepare(reading: Reading) -> Request:
            return await request.prepare_probe(call, reading)

        answered = await self._ask(work, call, PROBE, prepare)
        if isinstance(answered, _Answered):
            outcome = await asyncio.to_thread(
                judge_probe, call, answered.origin, answered.answer, answered.redaction
            )
            self._after(call, answered, outcome)
            return outcome
        return Unknown(
            f"the probe says nothing: {answered.reason}", retry_after=answered.retry_after
        )

    async def close(self) -> None:
        """Nothing is held: every request has a connection of its own."""

    async def _ask(
        self,
        work: Work,
        call: HttpCall,
        field: str,
        prepare: Callable[[Reading], Awaitable[Request]],
    ) -> _Answered | NotApplied | Unknown:
        """Send what was prepared, or say what it came to without an answer."""
        seconds, token = work.timeout.total_seconds(), None
        reading = Reading(work, self._secrets)
        sending = Sending(origin_of(call.url), seconds, work.may_begin)
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                request = await prepare(reading)
                context = await tls.context(call.tls, field, reading)
            if call.oauth2 is not None:
                token = await self._tokens.token(work, call.oauth2, field, reading, deadline)
                request = request.with_header("Authorization", f"Bearer {token.value}")
            async with asyncio.timeout_at(deadline):
                resolver = self._targets.resolver(call.url, self._names(), f"{field}.url")
                answer = await sending.send(request, resolver, context)
        except Unready as unready:
            return unready.outcome
        except TargetRefused as refused:
            return NotApplied(str(refused), retryable=False)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return sending.broken(error)
        return _Answered(answer, str(sending.origin), reading.redaction, token)

    def _after(self, call: HttpCall, answered: _Answered, outcome: Outcome) -> Outcome:
        """A token that is not accepted is not used again; one more attempt has a new one."""
        token = answered.token
        if token is None or answered.answer.status != 401:
            return outcome
        self._tokens.drop(token)
        meant = any(401 in row.codes for row in call.status_codes)
        if token.fresh or meant or not isinstance(outcome, NotApplied):
            return outcome
        return replace(outcome, retryable=True)
