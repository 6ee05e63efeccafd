"""The HTTP request as it will be sent: judged without its secrets, then filled with them."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from jsonpointer import JsonPointerException, set_pointer

import amends
from amends.api.execution import HttpExecution, SecretKeyRef
from amends.core.outcome import NotApplied
from amends.executors.redaction import Redaction
from amends.ports import Fault, Rejected, Secrets, Waiting, Work

MAX_BODY = 64 * 1024
MAX_HEADER = 8 * 1024
_FIELD = "spec.execution.http"
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

# They frame the message or belong to one connection: whoever may set them can smuggle a second
# request into the first, ask another virtual host, or have the answer sent in an unknown form.
_FORBIDDEN = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Unready(Exception):
    """The request cannot be made, so nothing was sent. Holds what the attempt came to."""

    def __init__(self, outcome: NotApplied) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class _Misplaced(Exception):
    """A JSON Pointer that leads nowhere in the body."""


@dataclass(frozen=True)
class Request:
    """Headers and body with the secrets in them, and what takes them out again."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    redaction: Redaction


def objection(execution: HttpExecution) -> str | None:
    """What is wrong with headers or body whatever the secrets hold."""
    return _header_objection(execution) or _body_objection(execution)


def _header_objection(execution: HttpExecution) -> str | None:
    names = Counter(header.name.lower() for header in execution.headers)
    idempotency = execution.idempotency_header
    if idempotency.lower() in _FORBIDDEN:
        return (
            f"{_FIELD}.idempotencyHeader: {idempotency} is set by the HTTP client. "
            "Use the header that the target documents, usually Idempotency-Key"
        )
    for header in execution.headers:
        where, name = f"{_FIELD}.headers[{header.name}]", header.name.lower()
        if name in _FORBIDDEN:
            return f"{where}: {header.name} is set by the HTTP client. Remove it"
        if name == idempotency.lower():
            return (
                f"{where}: {header.name} carries the idempotency key, which the operator chooses. "
                "Remove it, or name another header in idempotencyHeader"
            )
        if names[name] > 1:
            return f"{where}: {header.name} is given twice (case does not matter). Keep one"
        if header.value is not None and not _sendable(header.value):
            return f"{where}: the value holds a control character. Remove it"
    return None


def _body_objection(execution: HttpExecution) -> str | None:
    paths = [each.path for each in execution.body_from]
    for path in paths:
        if inner := next((other for other in paths if other.startswith(f"{path}/")), None):
            return f"{_FIELD}.bodyFrom: {inner} lies inside {path}. Keep one of them"
    try:
        size = len(_body(execution, dict.fromkeys(paths, "")) or b"")
    except _Misplaced as misplaced:
        return (
            f"{_FIELD}.bodyFrom: {misplaced} does not fit the body. "
            "Each step must be a member of an object or an index of a list"
        )
    except (ValueError, RecursionError) as error:
        return f"{_FIELD}.body: it is no JSON that can be sent ({error})"
    if size > MAX_BODY:
        return f"{_FIELD}.body: {size} bytes of JSON, at most {MAX_BODY} are sent. Make it smaller"
    return None


def _body(execution: HttpExecution, placed: Mapping[str, str]) -> bytes | None:
    if execution.body is None and not placed:
        return None
    body: Any = {} if execution.body is None else deepcopy(execution.body)
    for path, value in placed.items():
        try:
            body = set_pointer(body, path, value, create=True)
        except (JsonPointerException, TypeError, LookupError, AttributeError):
            # The library's message shows the whole document, secrets and all: it goes no further.
            raise _Misplaced(path) from None
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


async def prepare(work: Work, execution: HttpExecution, secrets: Secrets) -> Request:
    """Read the secrets and fill them in. Raises Unready when that does not work out."""
    placed = {
        each.path: await _read(work, each.secret_key_ref, secrets) for each in execution.body_from
    }
    from_secrets: dict[str, str] = {}
    headers = {"User-Agent": f"amends/{amends.__version__}"}
    given: dict[str, str] = {}
    for header in execution.headers:
        if header.value_from is None:
            given[header.name] = header.value or ""
        else:
            ref = header.value_from.secret_key_ref
            given[header.name] = from_secrets[header.name] = await _read(work, ref, secrets)
            _check_header(header.name, given[header.name], ref)
    body = _body(execution, placed)
    if body is not None:
        headers["Content-Type"] = "application/json"
        if len(body) > MAX_BODY:
            reason = f"{_FIELD}.body: {len(body)} bytes with its secrets, at most {MAX_BODY}"
            raise Unready(NotApplied(reason, retryable=False))
    own = {"Accept-Encoding": "identity", execution.idempotency_header: work.idempotency_key}
    overridden = {name.lower() for name in (*given, *own)}
    defaults = {name: value for name, value in headers.items() if name.lower() not in overridden}
    return Request(
        headers=defaults | given | own,
        body=body,
        redaction=Redaction((*placed.values(), *_with_credentials(from_secrets.values()))),
    )


async def _read(work: Work, ref: SecretKeyRef, secrets: Secrets) -> str:
    try:
        return await secrets.read(work.namespace, ref.name, ref.key, work.service_account)
    except Fault as fault:
        # Nothing was sent. Only a refusal needs a person; everything else may pass by itself.
        wish = fault.retry_after if isinstance(fault, Waiting) else None
        outcome = NotApplied(str(fault), not isinstance(fault, Rejected), wish)
    raise Unready(outcome)


def _check_header(name: str, value: str, ref: SecretKeyRef) -> None:
    where = f"{_FIELD}.headers[{name}]: key {ref.key} of Secret {ref.name}"
    if not _sendable(value):
        reason = (
            f"{where} holds a line break or another control character, often a line break at its "
            "end. Store it without"
        )
        raise Unready(NotApplied(reason, retryable=False))
    if len(value) > MAX_HEADER:
        reason = f"{where} holds {len(value)} characters, a header at most {MAX_HEADER}"
        raise Unready(NotApplied(reason, retryable=False))


def _sendable(value: str) -> bool:
    return not _UNSENDABLE.search(value)


def _with_credentials(values: Iterable[str]) -> Iterable[str]:
    """A header like `Bearer abc` is secret as a whole, and so is `abc` where it stands alone."""
    for value in values:
        yield value
        _, _, credentials = value.partition(" ")
        yield credentials.strip()
