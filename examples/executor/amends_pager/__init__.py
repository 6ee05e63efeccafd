"""An executor of a third party: closes an incident at a pager that speaks lines of text.

CLOSE <incident> <idempotency key> <token>
OK closed | NO <why>
"""

import asyncio
import re
from collections.abc import Callable

from amends.api.execution import Execution, PlugInExecution
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.redaction import Redaction
from amends.ports import OUT_OF_TIME, ExecutorContext, Fault, Rejected, Waiting, Work

MAX_ANSWER = 4096
_WORD = re.compile(r"[!-~]{1,200}")
_ADDRESS = re.compile(r"([a-z0-9.-]{1,253}):([0-9]{1,5})")


class PagerExecutor:
    """Closes `config.incident` at `config.address`, with the Secret that the plan calls token."""

    def __init__(self, context: ExecutorContext) -> None:
        self._secrets = context.secrets
        self._allowed = frozenset(context.allowed_targets)

    def objection(self, execution: Execution) -> str | None:
        """What is wrong with the plan itself."""
        plan = execution.plug_in
        if plan is None:
            return "spec.execution.plugIn is missing"
        address, incident = plan.config.get("address"), plan.config.get("incident")
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            return "spec.execution.plugIn.config.address must be host:port"
        if f"tcp://{address}" not in self._allowed and f"http://{address}" not in self._allowed:
            return f"spec.execution.plugIn.config.address: {address} is not an allowed target"
        if not isinstance(incident, str) or not _WORD.fullmatch(incident):
            return "spec.execution.plugIn.config.incident must be one word"
        if [each.name for each in plan.secrets] != ["token"]:
            return "spec.execution.plugIn.secrets must name one Secret: token"
        return None

    async def run(self, work: Work) -> Outcome:
        """One line out, one line back."""
        if (why := self.objection(work.execution)) is not None:
            return NotApplied(why, retryable=False)
        plan = work.execution.plug_in
        assert plan is not None, "objection() has looked"
        ref, begun = plan.secrets[0].secret_key_ref, asyncio.Event()
        try:
            async with asyncio.timeout(work.timeout.total_seconds()):
                token = await self._secrets.read(
                    work.namespace, ref.name, ref.key, work.service_account
                )
                if not _WORD.fullmatch(token):
                    return NotApplied(f"Secret {ref.name} holds no one word", retryable=False)
                line = f"CLOSE {plan.config['incident']} {work.idempotency_key} {token}\n"
                answer = await _ask(plan, line, work.may_begin, begun)
        except Fault as fault:
            return NotApplied(str(fault), retryable=not isinstance(fault, Rejected))
        except (OSError, TimeoutError) as error:
            if begun.is_set():  # from here on it may have been done
                return Unknown(f"the pager did not answer ({type(error).__name__})")
            return NotApplied(f"the pager could not be reached ({type(error).__name__})")
        return _judge(answer, Redaction([token]))

    async def close(self) -> None:
        """Nothing is held."""


async def _ask(
    plan: PlugInExecution, line: str, may_begin: Callable[[], bool], begun: asyncio.Event
) -> str | None:
    host, _, port = plan.config["address"].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=MAX_ANSWER)
    try:
        if not may_begin():  # nothing has left yet, and from here on another process may send
            raise Waiting(OUT_OF_TIME)
        begun.set()
        writer.write(line.encode())
        await writer.drain()
        answer = await reader.readline()
    except ValueError:  # longer than the limit
        return None
    finally:
        writer.transport.abort()
    return answer.decode(errors="replace") if answer.endswith(b"\n") else None


def _judge(answer: str | None, redaction: Redaction) -> Outcome:
    if answer is None:
        return Unknown("the pager closed the connection, or sent more than one line")
    said = redaction.text(answer.strip())
    if said.startswith("OK"):
        return Applied({"answer": said})
    if said.startswith("NO "):
        return NotApplied(f"the pager refused: {said[3:]}", retryable=False)
    return Unknown("the pager answered neither OK nor NO")
