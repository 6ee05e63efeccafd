"""What is exported before it is deleted: one line of JSON, durable, without secrets."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from amends.archive import FileArchive, archive_at, line
from amends.ports import NotArchived
from support.records import action, receipt

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def test_a_record_without_secrets_is_exported_as_it_is() -> None:
    record = receipt()
    assert json.loads(line(record)) == record


def test_secrets_are_hidden_and_digests_are_not_touched() -> None:
    record = receipt()
    record["spec"]["payload"] = {"input": {"api_key": "s3cr3t", "note": "Bearer abcdef123456ghi"}}
    exported = json.loads(line(record))
    assert exported["spec"].pop("payload") == {
        "input": {"api_key": "[redacted]", "note": "Bearer [redacted]"}
    }
    del record["spec"]["payload"]
    assert exported == record


def test_what_others_keep_for_their_own_bookkeeping_is_left_out() -> None:
    record = action()
    record["metadata"] |= {
        "managedFields": [{"manager": "kubectl"}],
        "annotations": {LAST_APPLIED: '{"spec": {}}', "team": "a"},
    }
    exported = json.loads(line(record))
    assert exported["metadata"].pop("annotations") == {"team": "a"}
    assert exported == action() | {"metadata": exported["metadata"]}
    assert "managedFields" not in exported["metadata"]


def test_nothing_in_a_record_ends_its_line() -> None:
    text = line({**action(), "spec": {"operation": "a\nb\r\u2028\u0085ü"}})
    assert text.isascii()
    assert len(text.splitlines()) == 1
    assert text.endswith(b"\n")


async def test_lines_are_appended_and_are_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("{}\n")
    file.chmod(0o600)
    archive, records = archive_at(str(file)), [receipt(), action()]
    for record in records:
        await archive.keep(record)
    assert [json.loads(one) for one in file.read_text().splitlines()] == [{}, *records]


async def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file, moved = tmp_path / "records.jsonl", tmp_path / "records.1.jsonl"
    archive = archive_at(str(file))
    await archive.keep(receipt())
    file.rename(moved)
    await archive.keep(action())
    assert len(file.read_text().splitlines()) == len(moved.read_text().splitlines()) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_line_that_was_torn_by_a_crash_does_not_spoil_the_next(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_bytes(b'{"kind": "Comp')
    record = receipt()
    await FileArchive(file).keep(record)
    torn, whole = file.read_text().splitlines()
    assert torn == '{"kind": "Comp'
    assert json.loads(whole) == record


async def test_a_file_that_cannot_be_written_says_why() -> None:
    with pytest.raises(NotArchived, match="/dev/full: No space left on device"):
        await FileArchive(Path("/dev/full")).keep(receipt())


def test_a_place_that_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotArchived, match="Is a directory"):
        archive_at(str(tmp_path))


def test_a_dash_is_standard_output() -> None:
    script = (
        "import asyncio; from amends.archive import archive_at; "
        "asyncio.run(archive_at('-').keep({'kind': 'X', 'metadata': {'name': 'a'}}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )
    assert told.stdout == b'{"kind":"X","metadata":{"name":"a"}}\n'
