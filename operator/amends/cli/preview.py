"""What would be sent, made by the executor itself and shown without its secrets.

The request comes out of the very code that sends it. Only its Secrets port is another one: it
answers with the name of the Secret, so a preview needs no right to read any.
"""

import asyncio
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jsonpointer import JsonPointerException, resolve_pointer, set_pointer

from amends.api.action import Action
from amends.api.compensation import Compensation
from amends.api.dead_letter import DeadLetter
from amends.api.execution import Execution, HttpExecution, RetrySafety, SecretKeyRef
from amends.api.plan import ProposedCompensation
from amends.cli import headers
from amends.core.records import identity
from amends.core.records.redaction import REDACTED, redact, redact_text
from amends.executors import http_request
from amends.executors.http_request import Unready
from amends.ports import Work


@dataclass(frozen=True)
class Nothing:
    """No request is made. why: what happens instead."""

    why: str


@dataclass(frozen=True)
class Sent:
    """One HTTP request. Nothing in it is secret, and every character can be seen."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str | None
    service_account: str
    seconds: int
    repeat: str
    reads_secrets: bool = False
    objection: str | None = None
    """Why the executor would refuse to send it."""


Preview = Nothing | Sent


def of_compensation(compensation: Compensation) -> Preview:
    """What the next attempt of a Compensation would send."""
    spec, meta = compensation.spec, compensation.metadata
    attempt = compensation.status.attempts + 1
    return _of(
        Work(
            namespace=meta.namespace,
            name=meta.name,
            execution=spec.execution,
            service_account=spec.service_account_name,
            idempotency_key=identity.idempotency_key(compensation),
            attempt_key=identity.attempt_key(compensation, attempt),
            timeout=timedelta(seconds=spec.timeout_seconds),
        )
    )


def of_proposal(namespace: str, plan: ProposedCompensation) -> Preview:
    """What a Compensation would send that is still to be created."""
    return _of(
        Work(
            namespace=namespace,
            name=plan.name or "",
            execution=plan.execution,
            service_account=plan.service_account_name,
            idempotency_key=f"amends:{namespace}/[uid of the new Compensation]",
            attempt_key="",
            timeout=timedelta(seconds=plan.timeout_seconds),
        )
    )


def of_retry(letter: DeadLetter, action: Action) -> Preview:
    """What a retry would send: the Action's own request under its own key."""
    retry, key = action.spec.retry, action.spec.idempotency_key
    if retry is None or key is None:
        return Nothing(f"Action {action.metadata.name} does not say how")
    dispatches = letter.status.dispatch.count if letter.status.dispatch is not None else 0
    return _of(
        Work(
            namespace=letter.metadata.namespace,
            name=letter.metadata.name,
            execution=retry.execution,
            service_account=retry.service_account_name,
            idempotency_key=key,
            attempt_key=identity.dispatch_key(letter, dispatches + 1),
            timeout=timedelta(seconds=retry.timeout_seconds),
        )
    )


def visible(text: str) -> str:
    """The text with every character that a terminal would obey, or not show, spelled out.

    Who asks for an approval writes what the approver reads: an escape sequence must not repaint
    the screen, and a bidirectional override must not turn a URL round.
    """
    lines = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(
        char
        if char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else f"\\u{ord(char):04x}"
        for char in lines
    )


def plain(text: str) -> str:
    """Text of a tenant as people may see it: no secrets, nothing invisible."""
    return visible(redact_text(text))


class _Names:
    """Answers with where a value comes from."""

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        """Never asks for the value."""
        return f"[from Secret {name}/{key}]"


def _from(ref: SecretKeyRef) -> str:
    return f"[from Secret {ref.name}/{ref.key}]"


def _of(work: Work) -> Preview:
    execution = work.execution
    if execution.http is None:
        return Nothing(_without_request(execution))
    http = execution.http
    objection = http_request.objection(http)
    headers: tuple[tuple[str, str], ...] = ()
    body = None
    if objection is None:
        try:
            request = asyncio.run(http_request.prepare(work, http, _Names()))
        except Unready as unready:
            objection = unready.outcome.reason
        else:
            headers = tuple(_headers(http, request.headers))
            body = _body(http, request.body)
    return Sent(
        method=http.method.value,
        url=plain(http.url),
        headers=headers,
        body=body,
        service_account=work.service_account,
        seconds=int(work.timeout.total_seconds()),
        repeat=_REPEATS[http.retry_safety],
        reads_secrets=bool(http.body_from) or any(one.value_from for one in http.headers),
        objection=plain(objection) if objection is not None else None,
    )


def _without_request(execution: Execution) -> str:
    if execution.executor == "record":
        return "it is done elsewhere, and only recorded here"
    return f"executor {execution.executor} carries it out"


_REPEATS = {
    RetrySafety.NONE: "If its answer is lost, it is not sent again: a person has to look.",
    RetrySafety.PROVIDER_KEY: "If its answer is lost, it is sent again: the target knows the key.",
    RetrySafety.NATURAL: "If its answer is lost, it is sent again: twice does no harm.",
}


def _headers(http: HttpExecution, sent: Any) -> Iterator[tuple[str, str]]:
    secrets = {header.name for header in http.headers if header.value_from is not None}
    for name, value in sent.items():
        if name in secrets:
            yield visible(name), value
        elif name == http.idempotency_header:
            yield name, plain(value)
        else:
            yield visible(name), visible(headers.shown(name, value))


def _body(http: HttpExecution, sent: bytes | None) -> str | None:
    if sent is None:
        return None
    shown = redact(json.loads(sent))
    for each in http.body_from:
        # A secret-looking key has just hidden where its value comes from, which is no secret.
        if _at(shown, each.path) == REDACTED:
            shown = set_pointer(shown, each.path, _from(each.secret_key_ref))
    return visible(json.dumps(shown, indent=2, ensure_ascii=False))


def _at(document: Any, path: str) -> Any:
    try:
        return resolve_pointer(document, path)
    except (JsonPointerException, TypeError):  # the whole branch is hidden
        return None
