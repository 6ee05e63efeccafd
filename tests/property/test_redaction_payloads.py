"""Rows E1 to E3 and I6 over random cases: no planted secret is seen, and nothing else lost.

Each case is drawn from its number (`support.payloads`), so that a failing one can be drawn alone.
Besides a secret nothing at all may be lost: what is shown is compared as a whole.
`make redaction` looks at 10,000 of them.
"""

import asyncio
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import structlog

from amends.api import Action
from amends.core.decide import decide
from amends.core.key import Key
from amends.core.records.redaction import REDACTED, redact
from amends.ports import Rejected
from amends.runtime import logs
from amends.runtime.queue import KeyQueue
from support.digests import sha256
from support.payloads import payload
from support.reports import action_world
from support.worlds import metadata
from support.writings import Case, Scribe

# All cases go by before the first test: on a machine with other work that takes its time. So all
# tests that look at them are kept in one process.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

CASES = int(os.environ.get("AMENDS_CASES", "2000"))
EXAMPLES = 5
"""How many of the failures are shown."""


@dataclass
class Findings:
    """What went wrong in which case, and how much was looked at."""

    cases: int = 0
    secrets: int = 0
    texts: int = 0
    seen: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def found() -> Findings:
    """Every case once, through everything that writes."""
    scribe, findings = Scribe(), Findings()
    for number in range(CASES):
        case = Case.of(number)
        findings.cases += 1
        findings.secrets += len(case.marks) // 2
        for what, text in scribe.everything(case):
            findings.texts += 1
            if any(mark in text for mark in case.marks):
                findings.seen.append(f"case {number}: {what}")
        spec = scribe.receipts[0]
        if spec.payload != shown_of(case) or spec.target != case.target.shown:
            findings.lost.append(f"case {number}")
        if (spec.input_digest, spec.output_digest, spec.payload_digest) != digests_of(case):
            findings.miscounted.append(f"case {number}")
    return findings


def shown_of(case: Case) -> dict[str, Any]:
    """What the receipt shows."""
    answer = {"id": case.number, "result": case.answer.shown}
    error = case.error.shown
    return {"input": case.given.shown, "receipt": answer, "outcome": "Failed", "error": error}


def digests_of(case: Case) -> tuple[str, str, str]:
    """Of what was asked, of what was answered, of both: before redaction, with none of our code."""
    given, result = case.given.value, case.answer.value
    answer = {"id": case.number, "result": result}
    whole = {"input": given, "receipt": answer, "outcome": "Failed", "error": case.error.value}
    return sha256(given), sha256(result), sha256(whole)


def test_i6_no_planted_secret_is_in_any_object_event_archive_or_output(
    found: Findings, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write(
            f"\n{found.cases} cases, {found.secrets} secrets, {found.texts} texts looked through\n"
        )
    assert found.cases == CASES
    assert found.secrets >= 10 * CASES
    assert found.seen[:EXAMPLES] == []


def test_e1_e3_everything_that_is_no_secret_is_shown_as_it_is(found: Findings) -> None:
    assert found.lost[:EXAMPLES] == []


def test_e2_digests_are_over_the_data_before_redaction(found: Findings) -> None:
    assert found.miscounted[:EXAMPLES] == []


# ---------------------------------------------------------------------------------------- digests


@pytest.mark.parametrize("number", range(0, CASES, 200))
def test_e2_any_leaf_that_changes_changes_the_digest(number: int) -> None:
    case, dice = Case.of(number), Random(number)
    before = digest_of_input(case.spec)
    for path in dice.sample(paths := [*leaves(case.given.value)], k=min(8, len(paths))):
        spec = json.loads(json.dumps(case.spec))
        change(spec["input"], path)
        assert digest_of_input(spec) != before, path


def digest_of_input(spec: dict[str, Any]) -> str:
    """As the receipt of the report has it."""
    decision = decide(action_world(Action.read({"metadata": metadata("post"), "spec": spec})))
    return str(decision.children[0].spec.wire()["inputDigest"])


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that holds nothing else, secret or not."""
    match value:
        case dict() if value:
            for key, inner in value.items():
                yield from leaves(inner, (*path, key))
        case list() if value:
            for at, inner in enumerate(value):
                yield from leaves(inner, (*path, at))
        case _:
            yield path


def change(value: Any, path: tuple[Any, ...]) -> None:
    """Put something else where the path leads."""
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = f"{value[path[-1]]} changed"


# ------------------------------------------------------------------------------- shape, and twice


@pytest.mark.parametrize("thousand", range(CASES // 1000))
def test_e1_e3_a_payload_keeps_its_shape_and_twice_is_as_good_as_once(thousand: int) -> None:
    for number in range(thousand * 1000, (thousand + 1) * 1000):
        drawn = payload(number, leaves=40)
        copy = redact(drawn.value)
        assert copy == drawn.shown, f"payload {number}"
        assert number % 5 or redact(copy) == copy, f"payload {number}"
        text = json.dumps(copy, ensure_ascii=False)
        assert REDACTED in text
        assert not any(mark in text for mark in drawn.marks), f"payload {number}"


# --------------------------------------------------------------------------------------- the log


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What `amends run` writes to standard error."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure()
    structlog.configure(cache_logger_on_first_use=False)
    yield written
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_i6_no_planted_secret_is_in_the_log(log: io.StringIO) -> None:
    """Faults and bugs quote what they were about; libraries log what they like."""
    queue, key = KeyQueue(), Key("Action", "tenant-a", "post")

    async def attend(why: Exception) -> None:
        async def process(_: Key) -> None:
            raise why

        await queue._attend(process, key)

    async def every_case() -> None:
        for number in range(CASES):
            case = Case.of(number)
            log.seek(0)
            log.truncate()
            await attend(Rejected(f"POST /apis: 422 Invalid value: {case.error.value}"))
            bug = number % 50 == 0  # a traceback takes its time
            if bug:
                await attend(RuntimeError(f"{case.reason.value}: {json.dumps(case.given.value)}"))
            given = json.dumps(case.given.value)
            logging.getLogger("a.library").warning("%s said %s", case.target.value, given)
            lines = log.getvalue().splitlines()
            assert len(lines) == (3 if bug else 2)
            assert not any(mark in log.getvalue() for mark in case.marks), f"case {number}"
            assert json.loads(lines[0])["event"] == "will look again"

    asyncio.run(every_case())
