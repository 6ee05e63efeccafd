"""Builds the programs of a control plane from Go modules, once, into a cache outside the work tree.

`python hack/controlplane/build.py [NAME...]` ends by printing where each program is; without a name
it builds what a control plane needs, with --all everything but what only a real node needs.
It needs nothing but Python's standard library, so it runs before any virtual environment exists.

    <cache>/controlplane/<module>-<key>/bin/   finished programs, moved into place when whole
    <cache>/controlplane/<module>-<key>/lock   held by the one process that builds
    <cache>/go/<version>/                      a Go from PyPI, where there is none (toolchain.py)

<cache> is $AMENDS_CACHE, or else `amends` under $XDG_CACHE_HOME or ~/.cache. <key> is a hash of all
that decides what is built, so another version never meets the files of this one, and a change of
one module rebuilds no other.
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
    tags: tuple[str, ...] = ()

    @property
    def go_mod(self) -> str:
        return (MODULES / self.module / "go.mod").read_text()

    @property
    def version(self) -> str:
        """The version its module is pinned to, such as v1.36.3; of our own, the first it needs."""
        for path, version in re.findall(
            r"^\s*(?:require )?(\S+) (v\S+)", self.go_mod, re.MULTILINE
        ):
            if self.package in (path, ".") or self.package.startswith(f"{path}/"):
                return str(version)
        raise BuildFailed(f"{self.module}/go.mod requires no module that holds {self.package}")

    @property
    def ldflags(self) -> str:
        """Stripped, and stamped: these programs do not know their own version otherwise."""
        return " ".join(["-s -w", *(f"-X {name}={v}" for name, v in self._stamp().items())])

    def _stamp(self) -> dict[str, str]:
        if self.package.startswith("k8s.io/"):
            major, minor, _ = self.version.removeprefix("v").split(".", 2)
            stamp = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor}
            return {f"k8s.io/component-base/version.{name}": v for name, v in stamp.items()}
        if self.package.startswith("helm.sh/"):
            return {"helm.sh/helm/v4/internal/version.version": self.version}
        if self.package.startswith("github.com/containerd/"):
            return {"github.com/containerd/containerd/v2/version.Version": self.version}
        return {}

    @property
    def flags(self) -> list[str]:
        tags = [f"-tags={','.join(self.tags)}"] if self.tags else []
        return ["-trimpath", "-buildvcs=false", *tags, f"-ldflags={self.ldflags}"]


PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    Program(
        "kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"
    ),
    Program("kube-apiserver-1.34", "kubernetes-1.34", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Program("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    Program("linearizable", "porcupine", "."),
    Program(
        "promtool",
        "prometheus",
        "github.com/prometheus/prometheus/cmd/promtool",
        tags=("remove_all_sd",),  # nothing is discovered here
    ),
    Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
    Program("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Program("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
    *(
        Program(
            name,
            "containerd",
            f"github.com/containerd/containerd/v2/cmd/{name}",
            # Snapshotters that nobody here uses, and what traces would be sent with.
            tags=("no_btrfs", "no_devmapper", "no_zfs", "no_tracing"),
        )
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    ),
)

API_SERVERS = {
    "1.36": "kube-apiserver",
    "1.34": "kube-apiserver-1.34",
    "1.31": "kube-apiserver-1.34",
}
"""The API server of each Kubernetes to test with; the first is the one that all else is of."""
EMULATED = ("1.31",)
"""Which of them a newer API server stands for, with --emulated-version: as far back as it goes."""
CONTROL_PLANE = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager")
"""What every control plane needs; the others are built for whoever asks for them by name."""

NODE = (
    *("kubelet", "kube-scheduler", "kube-proxy"),
    *("containerd", "containerd-shim-runc-v2", "ctr"),
)
"""What a real node needs besides; hack/node builds them, where a node can run."""
FAKE_NODE = ("kube-scheduler", "kwok")
"""What pods need that only seem to run (fakenode.py)."""


class BuildFailed(RuntimeError):
    """A program could not be built; the text holds what the compiler said."""


def build(names: Iterable[str] = CONTROL_PLANE) -> dict[str, Path]:
    """Where each of these programs is, built where it is missing."""
    programs = _named(names)
    for module in dict.fromkeys(program.module for program in programs):
        home = home_of(module)
        wanted = [program for program in programs if program.module == module]
        if _missing(wanted, home):
            with alone(home / "lock", f"building {module}"):
                # Asked again under the lock: the process waited for may have built them.
                if missing := _missing(wanted, home):
                    _build_all(missing, home)
    return {program.name: home_of(program.module) / "bin" / program.name for program in programs}


def _named(names: Iterable[str]) -> list[Program]:
    known = {program.name: program for program in PROGRAMS}
    try:
        return [known[name] for name in names]
    except KeyError as missing:
        raise BuildFailed(f"no such program: {missing}; there are {', '.join(known)}") from None


def cache() -> Path:
    """The project's cache, which lives outside the work tree and may be removed at any time."""
    if chosen := os.environ.get("AMENDS_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "amends"


def home_of(module: str) -> Path:
    """Where a module's programs are kept."""
    return cache() / "controlplane" / f"{module}-{key(module)}"


def key(module: str) -> str:
    """Names what is built: changes with the module's files, the build flags and the Go target.

    Not with the list of programs: one more of them leaves those that are built as they are.
    """
    digest = hashlib.sha256()
    flags = sorted({" ".join(p.flags) for p in PROGRAMS if p.module == module})
    digest.update(json.dumps([_target(), flags]).encode())
    for file in sorted((*(MODULES / module).glob("go.*"), *(MODULES / module).glob("*.go"))):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
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
    """Builds what is missing and prints where each program is."""
    parser = argparse.ArgumentParser(description="Build the control plane's programs, once.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these programs")
    parser.add_argument("--all", action="store_true", help="every program but those of a node")
    given = parser.parse_args(arguments)
    only_a_node = {*NODE} - {*FAKE_NODE}
    everything = [p.name for p in PROGRAMS if p.name not in only_a_node]
    names = everything if given.all else given.names or CONTROL_PLANE
    # A terminated build cleans up as an interrupted one does, and one that was started with SIGINT
    # ignored, as a shell does behind `&`, can be interrupted all the same; so can its compiler.
    for asked_to_end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_end, signal.default_int_handler)
    try:
        for path in build(names).values():
            print(path)
    except (BuildFailed, NoGo) as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
