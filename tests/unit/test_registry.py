"""Executors are found by their entry points, and a plug-in that cannot be used stops the start."""

from datetime import timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from amends.api.execution import Execution, RecordExecution
from amends.core.outcome import Applied
from amends.executors.http.executor import HttpExecutor
from amends.executors.record import RecordExecutor
from amends.executors.registry import GROUP, BadPlugIn, build, installed
from amends.ports import ExecutorContext, Work
from loopback import context


class NoExecutor:
    """Has nothing of ports.Executor."""

    def __init__(self, context: ExecutorContext) -> None:
        pass


class NeedsMore(RecordExecutor):
    def __init__(self, context: ExecutorContext) -> None:
        raise RuntimeError("SMTP_HOST is not set")


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


RECORD = point("record", "amends.executors.record:RecordExecutor")
HTTP = point("http", "amends.executors.http.executor:HttpExecutor")


def test_the_ones_that_come_with_amends() -> None:
    built = build(context("https://*"), [RECORD, HTTP])
    assert {name: type(each) for name, each in built.items()} == {
        "record": RecordExecutor,
        "http": HttpExecutor,
    }


def test_a_plug_in_is_found_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "theirs-1.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.2\n")
    (package / "entry_points.txt").write_text(f"[{GROUP}]\nmail = theirs:Mail\n")
    monkeypatch.syspath_prepend(tmp_path)
    (mail,) = [each for each in installed() if each.name == "mail"]
    with pytest.raises(BadPlugIn, match=r"executor 'mail' of theirs:Mail \(package theirs 1\.2\)"):
        build(context(), [mail])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(
            [HTTP, point("http", "theirs.web:Http")],
            "two executors are called 'http': amends.executors.http.executor:HttpExecutor and "
            "theirs.web:Http. Uninstall one of them, or rename its entry point",
            id="two of one name",
        ),
        pytest.param(
            [point("manual", "theirs.people:Manual")],
            "theirs.people:Manual calls its executor 'manual', as one of Amends itself is called: "
            "rename its entry point",
            id="a name of ours",
        ),
        pytest.param(
            [RECORD, point("mail", "not_installed:Mail")],
            "executor 'mail' of not_installed:Mail does not load: "
            "ModuleNotFoundError: No module named 'not_installed'",
            id="a module that is not there",
        ),
        pytest.param(
            [point("mail", "amends.executors.record:Mail")],
            "executor 'mail' of amends.executors.record:Mail does not load: "
            "AttributeError: module 'amends.executors.record' has no attribute 'Mail'",
            id="a class that is not there",
        ),
        pytest.param(
            [point("mail", f"{__name__}:NeedsMore")],
            f"executor 'mail' of {__name__}:NeedsMore does not load: "
            "RuntimeError: SMTP_HOST is not set",
            id="a class that cannot be built",
        ),
        pytest.param(
            [point("mail", f"{__name__}:NoExecutor")],
            f"executor 'mail' of {__name__}:NoExecutor is no executor: "
            "it has no run, objection, close (see amends.ports.Executor)",
            id="a class that is no executor",
        ),
    ],
)
def test_a_plug_in_that_cannot_be_used(found: list[EntryPoint], said: str) -> None:
    with pytest.raises(BadPlugIn) as refused:
        build(context(), found)
    assert str(refused.value) == said


async def test_record_changes_nothing_outside() -> None:
    executor = RecordExecutor(context())
    execution = Execution(record=RecordExecution())
    work = Work("tenant-a", "undo", execution, "undoer", "key", "key#1", timedelta(seconds=1))
    assert executor.objection(execution) is None
    assert await executor.run(work) == Applied({"recorded": True})
    await executor.close()
