"""What has to hold in an answer, and a probe that asks for it."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from amends.api.http import Assertion
from amends.api.verification import Verification
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.http import assertions
from amends.executors.http.executor import HttpExecutor
from loopback import KnownSecrets, answering, context, http_work

TICKET = {"ticket": {"state": "closed", "tags": ["a", "b"], "count": 1, "paid": True, "gone": None}}


async def ask(said: Any, *assertions: dict[str, Any], status: int = 200, **http: Any) -> Outcome:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    async with answering(status, body=body) as server:
        work = http_work(server.origin, assertions=list(assertions), **http)
        return await HttpExecutor(context(server.origin)).run(work)


@pytest.mark.parametrize(
    ("path", "equals"),
    [
        ("$.ticket.state", "closed"),
        ("$.ticket.tags[*]", None),
        ("$..state", "closed"),
        ("$.ticket.tags", ["a", "b"]),
        ("$.ticket.count", 1),
        ("$.ticket.count", 1.0),
        ("$.ticket.paid", True),
        ("$.ticket.gone", None),
        ("$[?@.state == 'closed' && @.count > 0].paid", True),
        ("$[?length(@.tags) == 2]", None),
    ],
)
async def test_what_holds_is_applied(path: str, equals: Any) -> None:
    outcome = await ask(TICKET, {"path": path, "equals": equals})
    assert isinstance(outcome, Applied)
    assert outcome.evidence["body"] == TICKET


@pytest.mark.parametrize(
    ("path", "equals", "said"),
    [
        ("$.ticket.state", "open", '$.ticket.state is "closed", not "open"'),
        ("$.ticket.owner", None, "$.ticket.owner is nothing"),
        ("$.ticket.count", True, "$.ticket.count is 1, not true"),
        ("$.ticket.paid", 1, "$.ticket.paid is true, not 1"),
        ("$.ticket.tags[*]", "a", '$.ticket.tags[*] is ["a", "b"], not "a"'),
    ],
)
@pytest.mark.parametrize("otherwise", ["Unknown", "NotApplied"])
async def test_what_does_not_hold_comes_to_what_the_plan_says(
    path: str, equals: Any, said: str, otherwise: str
) -> None:
    outcome = await ask(TICKET, {"path": path, "equals": equals}, otherwise=otherwise)
    assert isinstance(outcome, (Unknown, NotApplied))
    assert type(outcome).__name__ == otherwise
    assert outcome.reason.endswith(f" answered 200, but {said}")
    assert not (isinstance(outcome, NotApplied) and outcome.retryable)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(b"<p>closed</p>", "the answer is no JSON", id="HTML"),
        pytest.param(
            b'{"state": "closed", "x": "' + b"x" * 65536 + b'"}',
            "the answer is longer than 65536 bytes",
            id="cut",
        ),
        pytest.param(
            b"[" * 300 + b"]" * 300, "the answer is nested too deeply to look into it", id="deep"
        ),
    ],
)
async def test_what_cannot_be_looked_at_is_unknown_whatever_the_plan_says(
    said: bytes, why: str
) -> None:
    outcome = await ask(said, {"path": "$..state"}, otherwise="NotApplied")
    assert isinstance(outcome, Unknown)
    assert outcome.reason.endswith(f"but {why}, so its assertions cannot be checked")


async def test_a_status_that_is_not_applied_is_not_made_so_by_an_assertion() -> None:
    assert isinstance(await ask(TICKET, {"path": "$.ticket"}, status=400), NotApplied)


ONLY_NAMES = "a filter may look only at names and indexes under @: no .., *, [?] or $ in it"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("ticket.state", "it is no JSONPath (RFC 9535): expected 'TOKEN_ROOT', found 'TOKEN_NAME'"),
        ("$['a','b']", "several selectors in one [ ]: write one assertion for each"),
        ("$..a..b", "more than one ..: name the way between them"),
        ("$[?@.a][?@.b]", "more than one filter: filter once, with &&"),
        ("$[?@.a||@.b||@.c||@.d||@.e]", "a filter with more than 4 @: at most 4 are looked up"),
        ("$[?@..a]", ONLY_NAMES),
        ("$[?@.a == $.b]", ONLY_NAMES),
        ("$[?count(@.*) > 1]", ONLY_NAMES),
    ],
)  # fmt: skip
def test_a_path_that_is_wrong_or_costs_too_much_is_refused_beforehand(path: str, why: str) -> None:
    said = assertions.objection([Assertion(path="$.ok"), Assertion(path=path)], "field")
    assert said == f"field.assertions[1].path: {path}: {why}"


@pytest.mark.parametrize("function", ["match", "search"])
def test_there_are_no_regular_expressions(function: str) -> None:
    said = assertions.objection([Assertion(path=f"$[?{function}(@.a, '(a+)+b')]")], "field")
    assert said is not None
    assert f"function '{function}' is not defined" in said


def test_the_most_expensive_path_on_the_longest_answer_takes_no_time_to_speak_of() -> None:
    longest = json.loads("[" + ",".join(["{}"] * 21000) + "]")
    path = "$..[?@.a==1&&@.b==2&&@.c==3&&@.d==4]"
    assert assertions.objection([Assertion(path=path)], "field") is None
    began = time.process_time()
    assert assertions.found(Assertion(path=path), longest) == []
    assert time.process_time() - began < 5


# ------------------------------------------------------------------------------------ probes

SECRETS = KnownSecrets(board__token="s3cret-of-the-board")
WITH_A_SECRET: dict[str, Any] = {
    "headers": [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "board", "key": "token"}}}]
}
CLOSED: dict[str, Any] = {"path": "$.state", "equals": "closed"}


async def probe(
    said: Any, status: int = 200, fields: Mapping[str, str] | None = None, **http: Any
) -> tuple[Outcome, str, list[tuple[str, bytes]]]:
    async with answering(status, fields, json.dumps(said).encode()) as server:
        looked = Verification.model_validate({"http": {"url": f"{server.origin}/t?q=1", **http}})
        executor = HttpExecutor(context(server.origin, secrets=SECRETS))
        outcome = await executor.probe(http_work(server.origin), looked)
    return outcome, server.origin, server.requests


async def test_a_probe_is_a_get_without_a_key() -> None:
    _, _, requests = await probe({}, **WITH_A_SECRET)
    ((head, body),) = requests
    assert head.splitlines()[0] == "GET /t?q=1 HTTP/1.1"
    assert "X-Key: s3cret-of-the-board" in head
    assert "idempotency" not in head.lower()
    assert body == b""


async def test_what_is_found_is_evidence() -> None:
    said = {"state": "closed", "by": "s3cret-of-the-board"}
    outcome, origin, _ = await probe(said, assertions=[CLOSED, {"path": "$.by"}], **WITH_A_SECRET)
    assert outcome == Applied(
        {
            "method": "GET",
            "url": f"{origin}/t",
            "status": 200,
            "headers": {},
            "matched": {"$.state": '"closed"', "$.by": '"[redacted]"'},
        }
    )


@pytest.mark.parametrize(
    ("status", "http", "outcome"),
    [
        pytest.param(404, {}, NotApplied, id="there is nothing"),
        pytest.param(200, {"assertions": [CLOSED]}, Unknown, id="not closed"),
        pytest.param(
            200, {"assertions": [CLOSED], "otherwise": "NotApplied"}, NotApplied, id="so it is open"
        ),
        pytest.param(500, {}, Unknown, id="broken"),
        pytest.param(401, {}, Unknown, id="not allowed"),
        pytest.param(302, {}, Unknown, id="elsewhere"),
        pytest.param(
            410, {"statusCodes": [{"codes": [410], "outcome": "Applied"}]}, Applied, id="gone: done"
        ),
        pytest.param(
            404, {"statusCodes": [{"codes": [404], "outcome": "Unknown"}]}, Unknown, id="no matter"
        ),
        pytest.param(
            200, {"statusCodes": [{"codes": [200], "outcome": "Retry"}]}, Unknown, id="not yet"
        ),
    ],
)
async def test_what_a_probe_says(status: int, http: dict[str, Any], outcome: type[Outcome]) -> None:
    said, _, _ = await probe({"state": "open"}, status, **http)
    assert isinstance(said, outcome)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_target_that_was_asked_too_soon_says_when_to_ask_again(status: int) -> None:
    said, _, _ = await probe({}, status, {"Retry-After": "7"})
    assert isinstance(said, Unknown)
    assert said.retry_after == timedelta(seconds=7)


async def test_a_probe_that_cannot_be_sent_says_nothing() -> None:
    looked = Verification.model_validate({"http": {"url": "https://elsewhere.example.com"}})
    executor = HttpExecutor(context("https://api.example.com"))
    outcome = await executor.probe(http_work("https://api.example.com"), looked)
    assert isinstance(outcome, Unknown)
    assert executor.probe_objection(looked) == outcome.reason
    assert outcome.reason.startswith("spec.verify.http.url: https://elsewhere.example.com is not")


async def test_a_probe_that_is_not_answered_says_nothing() -> None:
    looked = Verification.model_validate({"http": {"url": "http://127.0.0.1:9"}})
    executor = HttpExecutor(context("http://127.0.0.1:9"))
    outcome = await executor.probe(http_work("http://127.0.0.1:9"), looked)
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith("the probe says nothing: http://127.0.0.1:9 could not be")
