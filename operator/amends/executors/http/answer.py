"""What an HTTP answer means for the effect: pure, from status, headers and body to an Outcome."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, assert_never
from urllib.parse import unquote

from yarl import URL

from amends.api.http import CodeOutcome, HttpCall, HttpExecution, HttpProbe, Otherwise, StatusCodes
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.records.redaction import redact, redact_text
from amends.executors.http import assertions
from amends.executors.redaction import Redaction
from amends.executors.targets import parse

MAX_ANSWER = 64 * 1024
"""Bytes of a response body that are read; the rest is flagged as truncated."""

_USERINFO = re.compile(r"//[^/@]{0,1024}@")
_LONGEST_WISH = timedelta(days=1)
_SAFE_INTEGER = 2**53 - 1
_KEPT_HEADERS = (
    "Content-Type",
    "Date",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Request-Id",
    "Retry-After",
    "X-Correlation-Id",
    "X-Request-Id",
)


@dataclass(frozen=True)
class Answer:
    """A complete response, except that a long body is cut."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    truncated: bool


def judge(execution: HttpExecution, origin: str, answer: Answer, redaction: Redaction) -> Outcome:
    """The outcome, without any secret value in it."""
    wish = retry_after(answer.headers)
    body = _body(answer, redaction)
    said = f"{origin} answered {answer.status}{_redirect(answer)}{_excerpt(body)}"
    match _meaning(execution.status_codes, answer.status, patience=wish is not None):
        case CodeOutcome.APPLIED:
            if (failed := _failed(execution, origin, answer, redaction)) is not None:
                return failed
            evidence = _evidence(execution.method.value, execution.url, answer, redaction)
            return Applied({**evidence, "body": body, "truncated": answer.truncated})
        case CodeOutcome.NOT_APPLIED:
            return NotApplied(redaction.text(said), retryable=False)
        case CodeOutcome.RETRY:
            delay, down = wish.delay if wish else None, answer.status >= 500
            return NotApplied(redaction.text(said), True, delay, target_is_down=down)
        case CodeOutcome.UNKNOWN:
            why = redaction.text(f"{said}: that does not say whether it was carried out")
            return Unknown(why, target_is_down=answer.status >= 500)
        case unknown:
            assert_never(unknown)


def judge_probe(probe: HttpProbe, origin: str, answer: Answer, redaction: Redaction) -> Outcome:
    """The same for a look: a 404 says that it has not happened, and any other failure nothing."""
    chosen = (row.outcome for row in probe.status_codes if answer.status in row.codes)
    meaning = next(chosen, CodeOutcome.NOT_APPLIED if answer.status == 404 else None)
    said = f"the probe of {origin} answered {answer.status}{_redirect(answer)}"
    if meaning is CodeOutcome.APPLIED or (meaning is None and 200 <= answer.status < 300):
        if (failed := _failed(probe, origin, answer, redaction)) is not None:
            return failed
        evidence = _evidence("GET", probe.url, answer, redaction)
        return Applied({**evidence, "matched": _matched(probe, answer, redaction)})
    if meaning is CodeOutcome.NOT_APPLIED:
        return NotApplied(redaction.text(f"{said}: it has not happened"))
    wish, excerpt = retry_after(answer.headers), _excerpt(_body(answer, redaction))
    why = redaction.text(f"{said}{excerpt}: that does not say whether it has happened")
    return Unknown(why, retry_after=wish.delay if wish else None)


def _failed(
    call: HttpCall, origin: str, answer: Answer, redaction: Redaction
) -> NotApplied | Unknown | None:
    """What it comes to where an assertion does not hold, None where all of them do."""
    if not call.assertions:
        return None
    said = f"{origin} answered {answer.status}, but"
    try:
        document = _document(answer)
        for assertion in call.assertions:
            values = assertions.found(assertion, document)
            if not assertions.holds(assertion, values):
                break
        else:
            return None
    except assertions.Unreadable as why:
        return Unknown(f"{said} {why}, so its assertions cannot be checked")
    shown = _shown(values, redaction) if values else "nothing"
    wanted = "" if assertion.equals is None else f", not {json.dumps(assertion.equals)[:200]}"
    reason = redaction.text(f"{said} {assertion.path} is {shown}{wanted}")
    match call.otherwise:
        case Otherwise.NOT_APPLIED:
            return NotApplied(reason, retryable=False)
        case Otherwise.UNKNOWN:
            return Unknown(reason)
        case unknown:
            assert_never(unknown)


def _document(answer: Answer) -> Any:
    if answer.truncated:
        raise assertions.Unreadable(f"the answer is longer than {MAX_ANSWER} bytes")
    try:
        return _parsed(_text(answer) or "")
    except (ValueError, RecursionError):
        raise assertions.Unreadable("the answer is no JSON") from None


def _matched(probe: HttpProbe, answer: Answer, redaction: Redaction) -> Mapping[str, Any]:
    """What was found at each path, as far as a person wants to read it."""
    if not probe.assertions:
        return {}
    document = _document(answer)
    return {
        assertion.path: _shown(assertions.found(assertion, document), redaction)
        for assertion in probe.assertions
    }


def _shown(values: Sequence[Any], redaction: Redaction) -> str:
    clean = redact(redaction.json(list(values)))
    text = json.dumps(clean[0] if len(clean) == 1 else clean, ensure_ascii=False)
    return f"{text[:200]}…" if len(text) > 200 else text


def _meaning(chosen: Sequence[StatusCodes], status: int, *, patience: bool) -> CodeOutcome:
    """The user's table first, then the defaults that HttpExecution promises."""
    for row in chosen:
        if status in row.codes:
            return row.outcome
    if 200 <= status < 300:
        return CodeOutcome.APPLIED
    if status in (409, 425, 429) or (status == 503 and patience):
        return CodeOutcome.RETRY
    if status in (500, 502, 503, 504):
        return CodeOutcome.UNKNOWN
    return CodeOutcome.NOT_APPLIED


@dataclass(frozen=True)
class Wish:
    """The target asks to be left alone, for so long if it could be understood."""

    delay: timedelta | None


def retry_after(headers: Mapping[str, str]) -> Wish | None:
    """The Retry-After header: seconds, or a date that is measured against the answer's own Date.

    Two dates of one clock need no clock of ours, and none of ours would agree with theirs.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+", text):
        seconds = min(float(text), _LONGEST_WISH.total_seconds())
        return Wish(timedelta(seconds=seconds))
    then, now = _http_date(text), _http_date(headers.get("Date", ""))
    if then is None:
        return None
    if now is None:
        return Wish(None)
    return Wish(min(max(then - now, timedelta(0)), _LONGEST_WISH))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _redirect(answer: Answer) -> str:
    """Where a redirect points to, only as an origin: the rest may be anyone's credentials."""
    if not 300 <= answer.status < 400 or "Location" not in answer.headers:
        return ""
    try:
        origin = str(parse(answer.headers["Location"]).origin())
    except ValueError:
        origin = "itself"
    return f", a redirect to {origin}; redirects are not followed, so give the final url"


def _excerpt(body: Any) -> str:
    """How the answer begins. Redacted before it is cut: half a secret cannot be recognised."""
    if body is None:
        return ""
    shown = redact(body)
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
    text = " ".join(text.split())
    return f": {text[:200]}…" if len(text) > 200 else f": {text}"


def _evidence(method: str, called: str, answer: Answer, redaction: Redaction) -> dict[str, Any]:
    headers = {
        name: redaction.text(_kept_header(name, answer.headers[name]))[:512]
        for name in _KEPT_HEADERS
        if name in answer.headers
    }
    url = URL(called).with_query(None).with_fragment(None)
    return {
        "method": method,
        "url": redaction.text(str(url)),
        "status": answer.status,
        "headers": headers,
    }


def _kept_header(name: str, value: str) -> str:
    if name != "Location":
        return value
    try:
        location = parse(value).with_query(None).with_fragment(None)
    except ValueError:
        return "(no URL)"
    bare = location.with_user(None) if location.absolute else location
    # As it was sent, but for the encoding: that hides what a credential looks like.
    readable = _USERINFO.sub("//", unquote(re.split("[?#]", value, maxsplit=1)[0]))
    shown = redact_text(readable)
    return shown if shown != readable else str(bare)


def _body(answer: Answer, redaction: Redaction) -> Any:
    """JSON if it is JSON, else text, else None: bytes that nobody can read may hide a secret."""
    text = _text(answer)
    if not text:
        return None
    if answer.truncated:
        return redaction.cut_text(text)
    try:
        return redaction.json(_parsed(text))
    except (ValueError, RecursionError):
        return redaction.text(text)


def _text(answer: Answer) -> str | None:
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    # A cut may go through a character: of what is left, only whole ones count.
    data = _whole_characters(answer.body) if answer.truncated else answer.body
    return _decoded(data) if encoding == "identity" else None


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_not_json)


def _whole_characters(data: bytes) -> bytes:
    for length in range(len(data), max(len(data) - 4, 0), -1):
        if _decoded(data[:length]) is not None:
            return data[:length]
    return data


def _decoded(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _integer(digits: str) -> int | str:
    """A number that JSON readers and RFC 8785 cannot hold exactly stays the text it was."""
    number = int(digits)
    return number if abs(number) <= _SAFE_INTEGER else digits


def _real(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
