"""What came of a call: what its caller says, else what the exception says, else what was answered.

An exception means Failed, except where the request may have been carried out all the same. That is
judged by the names of exception classes, so that no HTTP library has to be imported to know its
exceptions. The nearest exception that says anything decides; causes are asked after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from amends.client.fields import sentence


class Word(StrEnum):
    """Outcomes as the client writes them."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """The outcome, and why, unless it succeeded."""

    word: Word
    why: str | None = None


NEVER_SENT = frozenset(
    [
        *("ConnectionRefusedError", "gaierror", "SSLCertVerificationError"),  # standard library
        *("NewConnectionError", "ConnectTimeoutError"),  # urllib3, botocore
        "ConnectTimeout",  # requests, httpx
        *("ConnectError", "PoolTimeout", "UnsupportedProtocol"),  # httpx
        *("ClientConnectorError", "ConnectionTimeoutError", "InvalidURL"),  # aiohttp
        "EndpointConnectionError",  # botocore
    ]
)
MAYBE_SENT = frozenset(
    [
        *("TimeoutError", "ConnectionError", "HTTPException", "TimeoutExpired"),  # standard library
        *("ReadTimeoutError", "ProtocolError"),  # urllib3, botocore
        *("Timeout", "ChunkedEncodingError"),  # requests
        "TransportError",  # httpx
        *("ClientConnectionError", "ClientPayloadError"),  # aiohttp
        "HTTPClientError",  # botocore
    ]
)
ANSWER_SAYS_NOTHING = frozenset({500, 502, 503, 504})
"""The same as for the operator's own requests: behind a gateway the request may have arrived."""


def of_exception(error: BaseException, nobody_knows: tuple[type[BaseException], ...]) -> Verdict:
    """What an exception that left the block means."""
    text = sentence(f"{type(error).__name__}: {error}".removesuffix(": "))
    interrupted = not isinstance(error, Exception)
    if interrupted or isinstance(error, nobody_knows) or _maybe_sent(error):
        return Verdict(Word.UNKNOWN, text)
    return Verdict(Word.FAILED, text)


def _maybe_sent(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_maybe_sent(one) for one in error.exceptions)
    says = (_of_one(one) for one in _told_by(error))
    return next((one for one in says if one is not None), False)


def _of_one(error: BaseException) -> bool | None:
    """Whether the request may have been carried out; None: this exception does not say."""
    if not isinstance(error, Exception):
        return True
    if (status := _status(error)) is not None:
        return status in ANSWER_SAYS_NOTHING
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & NEVER_SENT:
        return False
    return True if names & MAYBE_SENT else None


def _told_by(error: BaseException) -> Iterator[BaseException]:
    """What it wraps first, then itself, then what caused it."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        wrapped = _wrapped(one)
        if id(one) not in seen and wrapped is not None:
            seen.add(id(one))
            waiting += [one, wrapped]
            continue
        seen.add(id(one))
        yield one
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if cause is not None and id(cause) not in seen:
            waiting.append(cause)


def _wrapped(error: BaseException) -> BaseException | None:
    """requests and urllib3 hand on what happened as an argument or `reason`, urllib too."""
    held = (getattr(error, "reason", None), *error.args[:1])
    return next((one for one in held if isinstance(one, BaseException)), None)


def _status(error: Exception) -> int | None:
    """The status of an answer: httpx and requests, aiohttp, urllib."""
    answer = getattr(error, "response", None)
    for holder, attribute in ((answer, "status_code"), (error, "status"), (error, "code")):
        held = getattr(holder, attribute, None)
        if isinstance(held, int) and 400 <= held <= 599:
            return held
    return None
