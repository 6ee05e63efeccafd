"""What an answer means: status codes, Retry-After, and what is kept as evidence."""

import json
from datetime import timedelta
from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.http.executor import HttpExecutor
from loopback import answering, context, http_work

SENT = "Wed, 21 Oct 2026 07:28:00 GMT"


async def ask(
    status: int = 200,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    path: str = "/x",
    **http: Any,
) -> tuple[Outcome, str]:
    async with answering(status, headers, body) as server:
        executor = HttpExecutor(context(server.origin))
        outcome = await executor.run(http_work(f"{server.origin}{path}", **http))
    assert server.connections == 1
    return outcome, server.origin


# ------------------------------------------------------------------------------- status codes


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207, 299])
async def test_2xx_is_applied(status: int) -> None:
    outcome, _ = await ask(status)
    assert isinstance(outcome, Applied)
    assert outcome.evidence["status"] == status


@pytest.mark.parametrize("status", [409, 425, 429])
async def test_not_now_is_tried_again(status: int) -> None:
    outcome, origin = await ask(status)
    assert outcome == NotApplied(f"{origin} answered {status}")


async def test_503_with_a_date_to_come_back_is_tried_again() -> None:
    outcome, origin = await ask(503, {"Retry-After": "7"})
    assert outcome == NotApplied(
        f"{origin} answered 503", True, timedelta(seconds=7), target_is_down=True
    )


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (500, {}),
        (502, {}),
        (503, {}),
        (504, {}),
        (500, {"Retry-After": "7"}),
        (503, {"Retry-After": "soon"}),
    ],
)
async def test_a_server_that_failed_may_have_done_it(status: int, headers: dict[str, str]) -> None:
    outcome, origin = await ask(status, headers)
    assert outcome == Unknown(
        f"{origin} answered {status}: that does not say whether it was carried out",
        target_is_down=True,
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 413, 422, 451, 501, 505, 599])
async def test_every_other_code_is_final(status: int) -> None:
    outcome, origin = await ask(status, body=b'{"error": "no"}')
    assert outcome == NotApplied(f'{origin} answered {status}: {{"error": "no"}}', retryable=False)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://u:pw@evil.example/x?token=1", "https://evil.example"),
        ("http://evil.example:8080/x", "http://evil.example:8080"),
        ("/elsewhere?token=1", "itself"),
        ("https://[bad", "itself"),
        ("https://[]@", "itself"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, location: str, said: str) -> None:
    outcome, origin = await ask(status, {"Location": location})
    assert outcome == NotApplied(
        f"{origin} answered {status}, a redirect to {said}; redirects are not followed, "
        "so give the final url",
        retryable=False,
    )


@pytest.mark.parametrize(
    ("status", "meaning", "expected"),
    [
        pytest.param(404, "Applied", Applied, id="404: it is gone already"),
        pytest.param(200, "NotApplied", NotApplied, id="200 with an error inside"),
        pytest.param(200, "Unknown", Unknown, id="200 that only queues"),
        pytest.param(404, "Retry", NotApplied, id="404: not there yet"),
        pytest.param(303, "Applied", Applied, id="303: see the result elsewhere"),
    ],
)
async def test_the_users_own_table_comes_first(
    status: int, meaning: str, expected: type[Outcome]
) -> None:
    table = [{"codes": [418, status], "outcome": meaning}, {"codes": [status], "outcome": "Retry"}]
    outcome, _ = await ask(status, {"Retry-After": "3"}, statusCodes=table)
    assert isinstance(outcome, expected)
    if isinstance(outcome, NotApplied):
        assert outcome.retryable == (meaning == "Retry")
        assert outcome.retry_after == (timedelta(seconds=3) if meaning == "Retry" else None)


# -------------------------------------------------------------------------------- Retry-After


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        pytest.param({"Retry-After": "0"}, timedelta(0), id="now"),
        pytest.param({"Retry-After": "120"}, timedelta(minutes=2), id="seconds"),
        pytest.param({"Retry-After": "9" * 400}, timedelta(days=1), id="for ever: a day"),
        pytest.param({"Retry-After": "-1"}, None, id="negative"),
        pytest.param({"Retry-After": "1.5"}, None, id="no whole number"),
        pytest.param({"Retry-After": "٣"}, None, id="no ASCII digit"),
        pytest.param(
            {"Retry-After": "Wed, 21 Oct 2026 07:30:30 GMT", "Date": SENT},
            timedelta(seconds=150),
            id="a date, by the clock of the target",
        ),
        pytest.param(
            {"Retry-After": "Wednesday, 21-Oct-26 07:28:05 GMT", "Date": SENT},
            timedelta(seconds=5),
            id="a date as RFC 850 wrote it",
        ),
        pytest.param(
            {"Retry-After": "Wed Oct 21 07:28:05 2026", "Date": SENT},
            timedelta(seconds=5),
            id="a date as asctime writes it",
        ),
        pytest.param(
            {"Retry-After": "Wed, 21 Oct 2020 07:28:00 GMT", "Date": SENT}, timedelta(0), id="past"
        ),
        pytest.param(
            {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT", "Date": SENT},
            timedelta(days=1),
            id="a date far away: a day",
        ),
        pytest.param({"Retry-After": SENT}, None, id="a date, but the target tells no time"),
    ],
)
async def test_retry_after(headers: dict[str, str], wish: timedelta | None) -> None:
    outcome, origin = await ask(429, headers)
    assert outcome == NotApplied(f"{origin} answered 429", True, wish)


# ------------------------------------------------------------------------------------ evidence


async def test_the_evidence_in_full() -> None:
    outcome, origin = await ask(
        201,
        {
            "Date": SENT,
            "content-type": "application/json",
            "Location": "https://u:pw@api.example.com/messages/9?token=1#x",
            "X-Request-Id": "req-1",
            "Idempotent-Replayed": "true",
            "Set-Cookie": "session=1",
            "Server": "raw",
        },
        b'{"id": 9, "tags": ["a", null, true, 1.5]}',
        path="/messages?token=1#top",
        method="PUT",
    )
    assert outcome == Applied(
        {
            "method": "PUT",
            "url": f"{origin}/messages",
            "status": 201,
            "headers": {
                "Content-Type": "application/json",
                "Date": SENT,
                "Idempotent-Replayed": "true",
                "Location": "https://api.example.com/messages/9",
                "X-Request-Id": "req-1",
            },
            "body": {"id": 9, "tags": ["a", None, True, 1.5]},
            "truncated": False,
        }
    )


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/messages/9?token=1#x", "/messages/9"),
        ("//u:pw@api.example.com/@me?token=1", "//api.example.com/@me"),
        ("https://[]@", "(no URL)"),
        ("https://api.example.com:99999/", "(no URL)"),
    ],
)
async def test_the_location_as_evidence(location: str, kept: str) -> None:
    outcome, _ = await ask(201, {"Location": location})
    assert isinstance(outcome, Applied)
    assert outcome.evidence["headers"] == {"Location": kept}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b"done, thanks", "done, thanks", id="text"),
        pytest.param(b"\xef\xbb\xbf{}", {}, id="JSON behind a byte order mark"),
        pytest.param(b'{"half": ', '{"half": ', id="broken JSON is text"),
        pytest.param(b"[NaN]", "[NaN]", id="NaN is no JSON"),
        pytest.param(b"[1e999]", ["1e999"], id="a number beyond floats stays text"),
        pytest.param(
            b"[9007199254740991, 9007199254740993, -1234567890123456789]",
            [9007199254740991, "9007199254740993", "-1234567890123456789"],
            id="a long id is kept exactly, as text",
        ),
        pytest.param(b"9" * 5000, "9" * 5000, id="a number longer than Python reads"),
        pytest.param(b"[" * 30_000, "[" * 30_000, id="nested without end"),
        pytest.param(b'["\\ud800"]', ["?"], id="half a character"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00", None, id="binary"),
        pytest.param("text".encode("utf-16"), None, id="no UTF-8"),
    ],
)
async def test_the_body_as_evidence(body: bytes, kept: Any) -> None:
    outcome, _ = await ask(200, body=body)
    assert isinstance(outcome, Applied)
    assert outcome.evidence["body"] == kept
    json.dumps(outcome.evidence, allow_nan=False).encode()


async def test_a_compressed_body_is_not_opened() -> None:
    outcome, _ = await ask(200, {"Content-Encoding": "gzip"}, b"plain after all")
    assert isinstance(outcome, Applied)
    assert outcome.evidence["body"] is None


@pytest.mark.parametrize(
    ("length", "truncated"), [(65_535, False), (65_536, False), (65_537, True), (5_000_000, True)]
)
async def test_a_long_body_is_cut(length: int, truncated: bool) -> None:
    outcome, _ = await ask(200, body=b"x" * length)
    assert isinstance(outcome, Applied)
    assert len(outcome.evidence["body"]) == min(length, 65_536)
    assert outcome.evidence["truncated"] is truncated


async def test_a_cut_through_a_character() -> None:
    outcome, _ = await ask(200, body=b"x" * 65_534 + "€".encode())
    assert isinstance(outcome, Applied)
    assert outcome.evidence["body"] == "x" * 65_534
    assert outcome.evidence["truncated"] is True


async def test_a_long_complaint_is_shortened() -> None:
    outcome, origin = await ask(400, body=b"no\n" * 500)
    assert isinstance(outcome, NotApplied)
    assert outcome.reason == f"{origin} answered 400: " + ("no " * 500)[:200] + "…"
