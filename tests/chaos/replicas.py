"""Replicas of the operator, each as its own process behind its own relay, with a clock of its own.

A replica that ends is started again, as a kubelet would do it. The API server sees each of them
come from an address of its own, so its audit log tells them apart.
"""

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import debian
import installation
from chaos.relay import Relay
from installation import RunningOperator
from support import forked

FAKETIME = "usr/lib/*-linux-*/faketime/libfaketimeMT.so.1"


def skewed(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is wrong by so much. Its stopwatches are right."""
    (library,) = debian.unpacked(("libfaketime",)).glob(FAKETIME)
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@dataclass
class Replica:
    """One of them, through all its lives."""

    name: str
    relay: Relay
    kubeconfig: Path
    folder: Path
    arguments: Sequence[str]
    skew: int = 0
    lives: list[RunningOperator] = field(default_factory=list)
    stopped: bool = False

    @property
    def process(self) -> Any:
        """The one that runs now, or ran last."""
        return self.lives[-1].process

    def start(self) -> None:
        """A new life."""
        log = self.folder / f"{self.name}-{len(self.lives)}.log"
        given = (self.kubeconfig, log, self.arguments)
        if self.skew:
            self.lives.append(installation.start_operator(*given, skewed(self.skew)))
        else:
            self.lives.append(forked.start_operator(*given))
        self.stopped = False

    def tend(self) -> None:
        """Start it again, if it has ended."""
        if self.process.poll() is not None:
            self.start()

    def stop(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def go_on(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def kill(self) -> None:
        """SIGKILL; whatever state it is in, it is over."""
        self.process.kill()
        self.process.wait()

    def holders(self) -> dict[str, int]:
        """What its claims call it, in each of its lives, with the process."""
        found = {}
        for life in self.lives:
            for line in life.log.read_text().splitlines():
                if line.startswith("{") and json.loads(line)["event"] == "started":
                    found[json.loads(line)["holder"]] = life.process.pid
        return found

    def holder(self) -> str | None:
        """What it is called in its present life; None: it has ended, or has not said so yet."""
        if self.process.poll() is not None:
            return None
        return next((one for one, pid in self.holders().items() if pid == self.process.pid), None)

    def exits(self) -> list[int]:
        """How its lives have ended."""
        ended = (life.process.poll() for life in self.lives)
        return [code for code in ended if code is not None]


@contextmanager
def replicas(
    kubeconfig: Path, folder: Path, arguments: Sequence[str], skews: Sequence[int]
) -> Iterator[list[Replica]]:
    """One for each skew, in seconds; killed at the end."""
    content = json.loads(kubeconfig.read_text())
    server = content["clusters"][0]["cluster"]["server"]
    made: list[Replica] = []
    try:
        for number, skew in enumerate(skews, start=1):
            name = f"operator-{number}"
            relay = Relay(server, source=f"127.0.0.{10 + number}")
            content["clusters"][0]["cluster"]["server"] = relay.url
            own = folder / f"{name}.kubeconfig"
            own.write_text(json.dumps(content))
            made.append(Replica(name, relay, own, folder, arguments, skew))
            made[-1].start()
        yield made
    finally:
        for replica in made:
            if replica.lives:
                replica.kill()
            replica.relay.stop()
