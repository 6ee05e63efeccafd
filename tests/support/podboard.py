"""The message board of the examples as a pod with a Service: an outside world within a cluster."""

import json
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cluster import Cluster

PROGRAM = Path(__file__).parents[2] / "examples/message_board/board.py"
NAMESPACE = "outside"
_PORT = 8081
_CALL = """
import sys, urllib.error, urllib.request
method, url, token, body = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
request = urllib.request.Request(url, body.encode() or None, headers, method=method)
try:
    answer = urllib.request.urlopen(request, timeout=10)
except urllib.error.HTTPError as refused:
    answer = refused
print(answer.status, answer.read().decode())
"""


@dataclass(frozen=True)
class PodBoard:
    """A board in a pod: the operator calls its Service, and we call it from within the pod."""

    cluster: Cluster
    address: str
    token: str

    @classmethod
    def start(cls, cluster: Cluster, image: str) -> Self:
        """Starts it in a namespace of its own, on an image that has Python and aiohttp."""
        token = secrets.token_hex(16)
        cluster.kubectl("create", "namespace", NAMESPACE)
        cluster.kubectl("create", "-f", "-", input=json.dumps(_objects(image, token)))
        there = ("-n", NAMESPACE)
        cluster.kubectl("wait", "--for=condition=Ready", "pod/board", "--timeout=60s", *there)
        path = "-ojsonpath={.spec.clusterIP}"
        return cls(cluster, cluster.kubectl("get", "service/board", path, *there).stdout, token)

    @property
    def origin(self) -> str:
        """Where the operator calls it."""
        return f"http://{self.address}:{_PORT}"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        sent = "" if body is None else json.dumps(body)
        url = f"http://127.0.0.1:{_PORT}{path}"
        script = ("python3", "-c", _CALL, method, url, self.token, sent)
        said = self.cluster.kubectl("exec", "-n", NAMESPACE, "board", "--", *script)
        status, _, answer = said.stdout.partition(" ")
        return int(status), json.loads(answer)

    def post(self, text: str) -> str:
        """Put up a message; its id."""
        return str(self.call("POST", "/messages", {"text": text})[1]["id"])

    def effects(self) -> Counter[str]:
        """How often something was really removed, per idempotency key."""
        return Counter(self.call("GET", "/effects")[1]["by_key"])

    def stop(self) -> None:
        """Removes it and its namespace."""
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _objects(image: str, token: str) -> dict[str, Any]:
    program = _object("ConfigMap", "board", data={PROGRAM.name: PROGRAM.read_text()})
    secret = _object("Secret", "board", stringData={"token": token})
    container = {
        "name": "board",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", f"/board/{PROGRAM.name}"],
        "args": ["--host=0.0.0.0", f"--port={_PORT}", "--token-file=/secret/token"],
        "readinessProbe": {"httpGet": {"path": "/effects", "port": _PORT}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "program", "mountPath": "/board"},
            {"name": "secret", "mountPath": "/secret"},
        ],
    }
    volumes = [
        {"name": "program", "configMap": {"name": "board"}},
        {"name": "secret", "secret": {"secretName": "board"}},
    ]
    pod = _object("Pod", "board", spec={"containers": [container], "volumes": volumes})
    port = {"port": _PORT}
    service = _object("Service", "board", spec={"selector": {"app": "board"}, "ports": [port]})
    return {"apiVersion": "v1", "kind": "List", "items": [program, secret, pod, service]}


def _object(kind: str, name: str, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}
