"""The HTTP request as it will be sent: judged without its secrets, then filled with them."""

import json
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from jsonpointer import JsonPointerException, set_pointer

import amends
from amends.api.http import HttpCall, HttpExecution, HttpProbe
from amends.executors.http.secrets import Reading, Unready, sendable

MAX_BODY = 64 * 1024
EXECUTION = "spec.execution.http"
PROBE = "spec.verify.http"
USER_AGENT = f"amends/{amends.__version__}"

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


class _Misplaced(Exception):
    """A JSON Pointer that leads nowhere in the body."""


@dataclass(frozen=True)
class Request:
    """Headers and body with the secrets in them."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    def with_header(self, name: str, value: str) -> "Request":
        """The same with one more header."""
        return replace(self, headers={**self.headers, name: value})


def objection(execution: HttpExecution) -> str | None:
    """What is wrong with headers or body whatever the secrets hold."""
    idempotency = execution.idempotency_header
    if idempotency.lower() in _FORBIDDEN:
        return (
            f"{EXECUTION}.idempotencyHeader: {idempotency} is set by the HTTP client. "
            "Use the header that the target documents, usually Idempotency-Key"
        )
    for header in execution.headers:
        if header.name.lower() == idempotency.lower():
            return (
                f"{EXECUTION}.headers[{header.name}]: {header.name} carries the idempotency key, "
                "which the operator chooses. Remove it, or name another header in idempotencyHeader"
            )
    return header_objection(execution, EXECUTION) or _body_objection(execution)


def header_objection(call: HttpCall, field: str) -> str | None:
    """What is wrong with the headers of any request, whatever the secrets hold."""
    names = Counter(header.name.lower() for header in call.headers)
    for header in call.headers:
        where, name = f"{field}.headers[{header.name}]", header.name.lower()
        if name in _FORBIDDEN:
            return f"{where}: {header.name} is set by the HTTP client. Remove it"
        if names[name] > 1:
            return f"{where}: {header.name} is given twice (case does not matter). Keep one"
        if name == "authorization" and call.oauth2 is not None:
            return f"{where}: {header.name} carries the token of oauth2. Remove one of them"
        if header.value is not None and not sendable(header.value):
            return f"{where}: the value holds a control character. Remove it"
    return None


def _body_objection(execution: HttpExecution) -> str | None:
    paths = [each.path for each in execution.body_from]
    for path in paths:
        if inner := next((other for other in paths if other.startswith(f"{path}/")), None):
            return f"{EXECUTION}.bodyFrom: {inner} lies inside {path}. Keep one of them"
    try:
        size = len(_body(execution, dict.fromkeys(paths, "")) or b"")
    except _Misplaced as misplaced:
        return (
            f"{EXECUTION}.bodyFrom: {misplaced} does not fit the body. "
            "Each step must be a member of an object or an index of a list"
        )
    except (ValueError, RecursionError) as error:
        return f"{EXECUTION}.body: it is no JSON that can be sent ({error})"
    if size > MAX_BODY:
        return (
            f"{EXECUTION}.body: {size} bytes of JSON, at most {MAX_BODY} are sent. Make it smaller"
        )
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


async def prepare(key: str, execution: HttpExecution, reading: Reading) -> Request:
    """The request that changes something, under its key. Raises Unready."""
    placed = {each.path: await reading.value(each.secret_key_ref) for each in execution.body_from}
    given = await _given(execution, EXECUTION, reading)
    body = _body(execution, placed)
    typed = {} if body is None else {"Content-Type": "application/json"}
    if body is not None and len(body) > MAX_BODY:
        raise Unready.for_good(
            f"{EXECUTION}.body: {len(body)} bytes with its secrets, at most {MAX_BODY}"
        )
    own = {execution.idempotency_header: key}
    headers = _together(typed, given, own)
    return Request(execution.method.value, execution.url, headers, body)


async def prepare_probe(probe: HttpProbe, reading: Reading) -> Request:
    """The request that changes nothing. Raises Unready."""
    return Request("GET", probe.url, _together({}, await _given(probe, PROBE, reading), {}))


async def _given(call: HttpCall, field: str, reading: Reading) -> dict[str, str]:
    given: dict[str, str] = {}
    for header in call.headers:
        if header.value_from is None:
            given[header.name] = header.value or ""
        else:
            where = f"{field}.headers[{header.name}]"
            given[header.name] = await reading.header(where, header.value_from.secret_key_ref)
    return given


def _together(
    typed: Mapping[str, str], given: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """Ours, unless the author has a word for them; then the author's, and those nobody may set."""
    defaults = {"User-Agent": USER_AGENT, **typed}
    fixed = {"Accept-Encoding": "identity", **own}
    overridden = {name.lower() for name in (*given, *fixed)}
    kept = {name: value for name, value in defaults.items() if name.lower() not in overridden}
    return {**kept, **given, **fixed}
