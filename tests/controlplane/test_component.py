"""A component lives exactly as long as it should: not longer, and not shorter."""

import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import component
from component import Component, ComponentFailed

pytestmark = pytest.mark.timeout(60)

DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); signal.pause()"
)


def started(folder: Path, *command: str) -> Component:
    return Component.start(command, log=folder / "log", cwd=folder)


def gone(process: int) -> bool:
    """Whether the process behind this pidfd ends within a generous time."""
    return bool(select.select([process], [], [], 30)[0])


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    running: list[Component] = []
    thread = threading.Thread(target=lambda: running.append(started(tmp_path, "sleep", "600")))
    thread.start()
    thread.join()

    os.kill(running[0].pid, 0)
    running[0].stop()


def test_it_does_not_outlive_its_guard(tmp_path: Path) -> None:
    sleeping = started(tmp_path, "sleep", "600")
    process = os.pidfd_open(sleeping.pid)
    status = Path(f"/proc/{sleeping.pid}/status").read_text()
    guard = re.search(r"^PPid:\s+(\d+)$", status, re.MULTILINE)
    assert guard is not None

    os.kill(int(guard[1]), signal.SIGKILL)

    assert gone(process)
    os.close(process)
    sleeping.stop()


def test_one_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(component, "_GRACE", 0.1)
    deaf = started(tmp_path, sys.executable, "-c", DEAF)
    deaf.wait_for("being deaf", said(deaf, "deaf"), seconds=30)
    process = os.pidfd_open(deaf.pid)

    deaf.stop()

    assert gone(process)
    os.close(process)


def said(component: Component, word: str) -> Callable[[], bool | None]:
    return lambda: word in component.logged() or None


def test_one_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    failing = started(tmp_path, "sh", "-c", "echo no such disk >&2; exit 3")

    with pytest.raises(ComponentFailed, match=r"(?s)status 3 before being ready.*no such disk"):
        failing.wait_for("being ready", lambda: None, seconds=30)
    failing.stop()


def test_one_that_is_late_is_reported(tmp_path: Path) -> None:
    late = started(tmp_path, "sleep", "600")

    with pytest.raises(ComponentFailed, match="sleep took over 0 s for being ready"):
        late.wait_for("being ready", lambda: None, seconds=0.01)
    late.stop()


def test_one_that_cannot_be_started_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ComponentFailed, match=r"(?s)could not be started.*No such file"):
        started(tmp_path, str(tmp_path / "missing"))
