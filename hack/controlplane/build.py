"""Builds the programs of a control plane from Go modules, once, into a cache outside the work tree.

`python hack/controlplane/build.py [NAME...]` prints the folder of the programs as its last line.
It needs nothing but Python's standard library, so it runs before any virtual environment exists.

    <cache>/controlplane/<key>/bin/     finished programs, each moved into place when it is whole
    <cache>/controlplane/<key>/lock     held by the one process that builds
    <cache>/go/<version>/               a Go from PyPI, where the machine has none (toolchain.py)

<cache> is $AMENDS_CACHE, or else `amends` under $XDG_CACHE_HOME or ~/.cache. <key> is a hash of all
that decides what is built, so another version never meets the files of this one.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain import NoGo, environment, find_go, parse_version
from waiting import alone, progress, unfinished

MODULES = Path(__file__).parent / "modules"


@dataclass(frozen=True)
class Program:
    """One program: the folder of its module files, and the Go package that is its main."""

    name: str
    module: str
    package: str

    @property
    def go_mod(self) -> str:
        return (MODULES / self.module / "go.mod").read_text()

    @property
    def version(self) -> str:
        """The version its module is pinned to, such as v1.36.3."""
        for path, version in re.findall(
            r"^\s*(?:require )?(\S+) (v\S+)", self.go_mod, re.MULTILINE
        ):
            if self.package == path or self.package.startswith(f"{path}/"):
                return str(version)
        raise BuildFailed(f"{self.module}/go.mod requires no module that holds {self.package}")

    @property
    def ldflags(self) -> str:
        """Stripped, and for Kubernetes stamped: unstamped it reports its version as v0.0.0."""
        if not self.package.startswith("k8s.io/"):
            return "-s -w"
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        stamp = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor}
        into = "k8s.io/component-base/version"
        return " ".join(["-s -w", *(f"-X {into}.{name}={v}" for name, v in stamp.items())])

    @property
    def flags(self) -> list[str]:
        return ["-trimpath", "-buildvcs=false", f"-ldflags={self.ldflags}"]


PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    Program(
        "kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"
    ),
)


class BuildFailed(RuntimeError):
    """A program could not be built; the text holds what the compiler said."""


def build(names: Iterable[str] | None = None) -> Path:
    """The folder with the programs asked for (all, unless named), built where they are missing."""
    wanted = [p for p in PROGRAMS if names is None or p.name in set(names)]
    home = cache() / "controlplane" / key()
    if _missing(wanted, home):
        with alone(home / "lock", "building the control plane"):
            # Asked again under the lock: the process waited for may have built them.
            if missing := _missing(wanted, home):
                _build_all(missing, home)
    return home / "bin"


def cache() -> Path:
    """The project's cache, which lives outside the work tree and may be removed at any time."""
    if chosen := os.environ.get("AMENDS_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "amends"


def key() -> str:
    """Names what is built: changes with the module files, the build flags and the Go target."""
    digest = hashlib.sha256()
    digest.update(
        json.dumps([_target(), [[p.name, p.package, p.flags] for p in PROGRAMS]]).encode()
    )
    for file in sorted(MODULES.glob("*/go.*")):
        digest.update(f"{file.relative_to(MODULES)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _target() -> dict[str, str]:
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return {"CGO_ENABLED": "0", "GOOS": platform.system().lower(), "GOARCH": architecture}


def _missing(programs: Sequence[Program], home: Path) -> list[Program]:
    return [program for program in programs if not (home / "bin" / program.name).exists()]


def _build_all(programs: Sequence[Program], home: Path) -> None:
    needed = "\n".join(program.go_mod for program in programs)
    go = find_go(max(re.findall(r"^go (\S+)", needed, re.MULTILINE), key=parse_version), cache())
    (home / "bin").mkdir(exist_ok=True)
    for number, program in enumerate(programs, start=1):
        what = f"building {program.name} {program.version} ({number} of {len(programs)})"
        with progress(what), unfinished(home) as folder:
            _build_one(go, program, folder / program.name)
            (folder / program.name).replace(home / "bin" / program.name)


def _build_one(go: Path, program: Program, output: Path) -> None:
    """Runs one `go build`; takes it along when we are interrupted."""
    with subprocess.Popen(
        [go, "build", *program.flags, "-o", output, program.package],
        cwd=MODULES / program.module,
        env=environment(**_target()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as compiling:
        try:
            said, _ = compiling.communicate()
        except BaseException:
            # Go answers SIGINT by ending its compilers first, which it cannot do for SIGKILL.
            compiling.send_signal(signal.SIGINT)
            raise
    if compiling.returncode != 0:
        raise BuildFailed(f"go build {program.package} failed:\n{said.strip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what is missing and prints the folder."""
    parser = argparse.ArgumentParser(description="Build the control plane's programs, once.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these programs")
    names = parser.parse_args(arguments).names
    if unknown := set(names) - {program.name for program in PROGRAMS}:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    # A terminated build cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        folder = build(names or None)
    except (BuildFailed, NoGo) as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
