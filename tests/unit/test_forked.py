"""A forked operator is to a test what one of its own process is: what it prints, how it ends."""

import signal
import subprocess
from pathlib import Path

import pytest

from installation import RunningOperator
from support import forked

NOBODY = """
apiVersion: v1
kind: Config
current-context: nobody
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {token: none}}]
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    """Of a cluster that does not answer."""
    file = tmp_path / "kubeconfig"
    file.write_text(NOBODY)
    return file


def started(kubeconfig: Path, *arguments: str) -> RunningOperator:
    return forked.start_operator(kubeconfig, kubeconfig.with_name("operator.log"), arguments)


def test_its_exit_code_and_its_words_are_those_of_the_command(kubeconfig: Path) -> None:
    operator = started(kubeconfig, "--claim-seconds", "none")

    assert operator.process.wait(timeout=30) == 2
    assert operator.process.poll() == 2
    assert "Invalid value for '--claim-seconds'" in operator.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_by_a_signal(kubeconfig: Path, number: signal.Signals) -> None:
    operator = started(kubeconfig)
    with pytest.raises(subprocess.TimeoutExpired):
        operator.process.wait(timeout=0)

    operator.process.send_signal(number)

    assert operator.process.wait(timeout=30) == -number
    operator.process.send_signal(number)  # nobody is met any more
