"""The whole story of Amends on a real API server, step by step, each step checked.

`make demo` runs it on a control plane of its own, `make demo KUBECONFIG=path` in your cluster. It
ends with 0 only if every step showed what it should.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

_REPO = Path(__file__).resolve().parents[2]
sys.path += [str(_REPO), str(_REPO / "hack/controlplane")]

from examples.demo import story  # noqa: E402
from examples.demo.clusters import (  # noqa: E402
    GROUP,
    TENANT,
    CannotPlayHere,
    Cluster,
    ForeignCluster,
    OurControlPlane,
)
from examples.demo.outside import running_board  # noqa: E402
from examples.demo.stage import NotSeen, Stage  # noqa: E402
from examples.demo.terminal import Terminal  # noqa: E402

import build  # noqa: E402 - the path comes first
import installation  # noqa: E402
from component import ComponentFailed  # noqa: E402
from controlplane import ControlPlane, KubectlFailed  # noqa: E402
from toolchain import NoGo  # noqa: E402
from waiting import wait_for  # noqa: E402

_A_DAY = 86400
_NOT_SET_UP = (ComponentFailed, build.BuildFailed, NoGo, KubectlFailed, CannotPlayHere)
_NOT_PLAYED = (NotSeen, KubectlFailed, OSError, subprocess.TimeoutExpired)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays the story; the exit status says whether all of it was seen."""
    parser = argparse.ArgumentParser(description="The whole story, on a real API server.")
    parser.add_argument("--kubeconfig", help="play in this cluster; removed again at the end")
    parser.add_argument("--keep", action="store_true", help="leave it all running until Ctrl-C")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    terminal = Terminal()
    try:
        with tempfile.TemporaryDirectory(prefix="amends-demo-") as folder, ExitStack() as after:
            cluster = after.enter_context(_cluster(given.kubeconfig, Path(folder), terminal))
            return _play_in(cluster, Path(folder), terminal, keep=given.keep)
    except KeyboardInterrupt:
        return 130
    except _NOT_SET_UP as failed:
        terminal.failure("The demo could not be set up.", [str(failed)])
        return 2


@contextlib.contextmanager
def _cluster(kubeconfig: str | None, folder: Path, terminal: Terminal) -> Iterator[Cluster]:
    if kubeconfig is None:
        terminal.note("Starting a Kubernetes control plane: etcd and kube-apiserver, on loopback.")
        with ControlPlane.start() as cp:
            yield OurControlPlane(cp)
        return
    paths = [str(Path(path).expanduser().absolute()) for path in kubeconfig.split(os.pathsep)]
    if missing := [path for path in paths if not Path(path).is_file()]:
        raise CannotPlayHere(f"there is no kubeconfig {', '.join(missing)}")
    cluster = ForeignCluster(os.pathsep.join(paths), build.build(["kubectl"])["kubectl"], folder)
    cluster.must_be_fit()
    try:
        yield cluster
    finally:
        terminal.note("Removing from your cluster what the demo created in it.")
        try:
            for left in cluster.clean_up():
                terminal.note(f"still there: {left}")
        except KubectlFailed as failed:
            terminal.failure("Something of the demo is still in your cluster.", [str(failed)])


def _play_in(cluster: Cluster, folder: Path, terminal: Terminal, *, keep: bool) -> int:
    terminal.note("Installing CRDs, admission policies and roles; starting board and operator.")
    operator_kubeconfig = installation.install(cluster, token_seconds=_A_DAY)
    installation.add_tenant(cluster, TENANT, group=GROUP)
    log = folder / "operator.log"
    with (
        running_board(folder) as board,
        _operator(operator_kubeconfig, log, ["--allow-target", board.origin]) as operator,
        contextlib.chdir(folder),
    ):
        stage = Stage(cluster, board, operator, folder, terminal)
        secret = stage.write("board-secret.yaml", token=board.token, people=GROUP)
        cluster.kubectl("apply", "-n", TENANT, "-f", secret)
        try:
            story.play(stage)
        except _NOT_PLAYED as failed:
            _explain(failed, stage)
            return 1
        terminal.end(f"Done. All {len(story.STEPS)} steps were observed.")
        if keep:
            _keep(stage)
    return 0


@contextlib.contextmanager
def _operator(
    kubeconfig: Path, log: Path, told: Sequence[str]
) -> Iterator[installation.RunningOperator]:
    with installation.running_operator(kubeconfig, log, told, until_working=False) as operator:
        try:
            wait_for(operator.is_working, seconds=60, what="the operator to work")
        except (RuntimeError, TimeoutError) as why:
            raise CannotPlayHere(f"{why}\n{operator.tail()}") from why
        yield operator


def _explain(failed: Exception, stage: Stage) -> None:
    details = [str(failed)]
    if isinstance(failed, NotSeen):
        details = [f"expected: {failed.expected}", f"seen: {failed.seen}"]
    stage.terminal.failure(
        f"Step {stage.terminal.step!r} failed.",
        [*details, "The end of the operator's log:", stage.operator.tail()],
    )


def _keep(stage: Stage) -> None:
    stage.terminal.say("All of it runs until Ctrl-C. To look around, in another terminal:")
    hints = [*stage.cluster.hints(), f"cd {stage.folder}", f"kubectl get amends -n {TENANT}"]
    stage.terminal.verbatim(["", *hints])
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
