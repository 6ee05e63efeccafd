"""A second kube-apiserver on the same etcd, that hears of it only while its relay is open."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import flags
from chaos.mirror import Way, way_of
from chaos.relay import Relay
from component import Component
from controlplane import ControlPlane
from identities import Keys


@dataclass(frozen=True)
class Replica:
    """How to connect, and what makes it lag."""

    way: Way
    relay: Relay


@contextmanager
def replica(cp: ControlPlane) -> Iterator[Replica]:
    """Start one that is ready, with the keys of the first."""
    folder = cp.directory / "keys"
    keys = Keys(*(folder / name for name in KEYS))
    with Relay(cp.etcd_endpoint) as relay:
        port = _free_port()
        told = flags.for_apiserver(cp.directory, port=port, etcd=relay.url, keys=keys)
        program = cp.bin / "kube-apiserver"
        server = Component.start(
            [program, *told, f"--audit-log-path={cp.directory}/replica-audit.jsonl"],
            log=cp.directory / "logs/replica.log",
            cwd=cp.directory,
            name="replica",
        )
        try:
            way = replace(way_of(cp.kubeconfig("admin")), server=f"https://127.0.0.1:{port}")
            server.wait_for("being ready", lambda: _is_ready(way) or None, seconds=60)
            yield Replica(way, relay)
        finally:
            relay.open()
            server.stop()


KEYS = ("authority.crt", "serving.crt", "serving.key", "tokens.key")


def _is_ready(way: Way) -> bool:
    bearer = {"Authorization": f"Bearer {way.token}"}
    asked = urllib.request.Request(f"{way.server}/readyz", headers=bearer)
    try:
        with urllib.request.urlopen(asked, timeout=2, context=way.trust) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
