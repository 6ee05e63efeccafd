"""Where no node can run, the tests of one are skipped with the reason; in CI they fail with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import machine

REPO = Path(__file__).parents[2]
MISSING = (
    "a node needs Debian or Ubuntu, "
    "and there is no apt-get and no dpkg-deb and no mount and no nsenter and no unshare"
)


def ended_without_programs(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """How a command of ours ends where the programs are missing that a node needs."""
    environment = {name: value for name, value in os.environ.items() if name != "AMENDS_NODE"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=REPO,
        env=environment | {"PATH": "/nonexistent"} | more,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("required", "status", "outcome"),
    [
        pytest.param("", 0, "1 skipped", id="they are skipped"),
        pytest.param("required", 1, "1 error", id="they fail where they are required"),
    ],
)
def test_tests_of_a_node_say_why_none_can_run(required: str, status: int, outcome: str) -> None:
    pytest_ = ("-m", "pytest", "-p", "no:cacheprovider", "-rsE", "--no-header", "-q")
    a_test = ("tests/node/test_node.py", "-k", "test_it_is_ready")

    ended = ended_without_programs(*pytest_, *a_test, AMENDS_NODE=required)

    assert (ended.returncode, MISSING in ended.stdout) == (status, True)
    assert outcome in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("required", "status"),
    [
        pytest.param("", 0, id="which is no error"),
        pytest.param("required", 1, id="which is one where a node is required"),
    ],
)
def test_nothing_is_prepared_where_no_node_can_run(required: str, status: int) -> None:
    ended = ended_without_programs("hack/node/machine.py", AMENDS_NODE=required)

    assert (ended.returncode, ended.stdout, ended.stderr) == (
        status,
        "",
        f"no end-to-end tests here: {MISSING}\n",
    )


@pytest.mark.parametrize(
    ("what", "answers", "objection"),
    [
        pytest.param(
            "platform.system", "Darwin", "a node needs Linux, and this is Darwin", id="not Linux"
        ),
        pytest.param(
            "os.geteuid", 1000, "a node needs root, to make namespaces and mounts", id="not root"
        ),
        pytest.param(
            "_may_make_namespaces",
            False,
            "a node needs mount, pid and network namespaces, and making them is refused here",
            id="a container that may not make namespaces",
        ),
        pytest.param(
            "os.access",
            False,
            "a node needs control groups of its own, and /sys/fs/cgroup cannot be written to",
            id="a container that sees its control groups only",
        ),
    ],
)
def test_it_says_what_a_machine_lacks(
    what: str, answers: object, objection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    supplied: dict[str, object] = {
        "platform.system": "Linux",
        "os.geteuid": 0,
        "shutil.which": "/usr/bin/it",
        "_may_make_namespaces": True,
        "os.access": True,
    }
    for name, answer in (supplied | {what: answers}).items():
        monkeypatch.setattr(f"machine.{name}", lambda *_, answer=answer: answer)

    assert machine.objection() == objection
