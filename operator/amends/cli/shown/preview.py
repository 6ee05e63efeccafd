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
from amends.api.http import HttpExecution
from amends.api.outcome import RetrySafety
from amends.api.plan import Plan, ProposedCompensation
from amends.api.secret import SecretKeyRef
from amends.cli.shown import headers, jobs
from amends.core.records import identity
from amends.core.records.redaction import REDACTED, redact, redact_text
from amends.executors.http import request
from amends.executors.http.secrets import Reading, Unready
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
    notes: tuple[str, ...] = ()
    """What it proves itself with, and what its answer has to hold."""
    objection: str | None = None
    """Why the executor would refuse to send it."""


@dataclass(frozen=True)
class Changed:
    """One object of the namespace. changes: as the operator saw them last; None: not yet."""

    operation: str
    called: str
    service_account: str
    changes: tuple[str, ...] | None
    refuses_drift: bool


Preview = Nothing | Sent | Changed


def of_compensation(compensation: Compensation) -> Preview:
    """What the next attempt of a Compensation would send, or change."""
    seen = compensation.status.preview
    changes = tuple(seen.changes) if seen is not None else None
    if (changed := _changed(compensation.spec, changes)) is not None:
        return changed
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
    """What a Compensation would send, or change, that is still to be created."""
    if (changed := _changed(plan, None)) is not None:
        return changed
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


def _changed(plan: Plan, changes: tuple[str, ...] | None) -> Changed | None:
    change = plan.execution.kubernetes
    if change is None:
        return None
    return Changed(
        operation=str(change.operation),
        called=f"{change.kind} {visible(change.name)} ({visible(change.api_version)})",
        service_account=plan.service_account_name,
        changes=tuple(plain(one) for one in changes) if changes is not None else None,
        refuses_drift=change.refuses_drift,
    )


def _of(work: Work) -> Preview:
    execution = work.execution
    if execution.http is None:
        return Nothing(_without_request(work))
    http = execution.http
    objection = request.objection(http)
    headers: tuple[tuple[str, str], ...] = ()
    body = None
    if objection is None:
        try:
            prepared = asyncio.run(
                request.prepare(work.idempotency_key, http, Reading(work, _Names()))
            )
        except Unready as unready:
            objection = unready.outcome.reason
        else:
            headers = tuple(_headers(http, prepared.headers))
            body = _body(http, prepared.body)
    return Sent(
        method=http.method.value,
        url=plain(http.url),
        headers=headers,
        body=body,
        service_account=work.service_account,
        seconds=int(work.timeout.total_seconds()),
        repeat=_REPEATS[http.retry_safety],
        reads_secrets=bool(http.body_from or http.oauth2 or http.tls)
        or any(one.value_from for one in http.headers),
        notes=tuple(visible(note) for note in _notes(http)),
        objection=plain(objection) if objection is not None else None,
    )


def _without_request(work: Work) -> str:
    execution = work.execution
    if execution.executor == "record":
        return "it is done elsewhere, and only recorded here"
    if execution.job is not None:
        seconds = int(work.timeout.total_seconds())
        return plain(jobs.described(execution.job, work.service_account, seconds))
    return f"executor {execution.executor} carries it out"


def _notes(http: HttpExecution) -> Iterator[str]:
    if http.oauth2 is not None:
        yield (
            f"With a token of {plain(http.oauth2.token_url)}, asked for with "
            f"{_from(http.oauth2.client_secret_from)}"
        )
    if http.tls is not None and http.tls.certificate is not None:
        yield f"With the client certificate {_from(http.tls.certificate)}"
    if http.tls is not None and http.tls.ca is not None:
        yield f"Only to whom {_from(http.tls.ca)} vouches for"
    for each in http.assertions:
        wanted = "is there" if each.equals is None else f"is {json.dumps(redact(each.equals))}"
        yield f"It is done only if {plain(each.path)} of the answer {wanted}; else {http.otherwise}"


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
