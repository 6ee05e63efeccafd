"""A node that is none: kwok says of its pods what a kubelet would, and nothing of them runs.

For what takes a thousand pods. A pod says by its annotations how it fares:

    metadata:
      annotations:
        fake.amends.dev/exit-code: "3"       # its containers end with this code
        fake.amends.dev/after: 2s            # so long after they began; at once, if nothing is said
        fake.amends.dev/reason: OOMKilled    # in place of Completed or Error

Without an exit code it runs until it is told to stop. Its log is the same two lines for every pod.
What a real container does is seen on a [real node](../node/README.md).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from identities import SCHEDULER, Keys, User

NAME = "fake"
KWOK = User("kwok", ("system:masters",))
"""As an admin of its own, so that the audit log tells it apart."""
USERS = (SCHEDULER, KWOK)

EXIT_CODE = "fake.amends.dev/exit-code"
AFTER = "fake.amends.dev/after"
REASON = "fake.amends.dev/reason"

LOG = ("fake: begun", "fake: over")

_TOLD_TO_STOP = ".metadata.deletionTimestamp"
_PHASE = ".status.phase"


def for_apiserver() -> list[str]:
    """The API server asks the node for logs, at the one address that it has."""
    return ["--kubelet-preferred-address-types=InternalIP"]


def for_kwok(home: Path, *, port: int, kubeconfig: Path, keys: Keys) -> list[str]:
    """kwok as the one node's kubelet, with our own stages; it answers on the loopback interface."""
    log = home / "fake.log"
    log.write_text("".join(f"2026-01-01T00:00:00Z stdout F {line}\n" for line in LOG))
    config = home / "kwok.yaml"
    # JSON is YAML, too.
    config.write_text("\n---\n".join(map(json.dumps, (*_stages(port), _logs(log)))))
    return [
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--manage-single-node={NAME}",
        "--node-ip=127.0.0.1",
        f"--node-port={port}",
        f"--server-address=127.0.0.1:{port}",
        f"--tls-cert-file={keys.serving_certificate}",
        f"--tls-private-key-file={keys.serving_key}",
        "--node-lease-duration-seconds=40",
    ]


def node() -> dict[str, Any]:
    """The Node object; kwok makes it Ready."""
    metadata = {"name": NAME, "labels": {"kubernetes.io/hostname": NAME}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


def _stages(port: int) -> list[dict[str, Any]]:
    """What becomes of the Node and of its pods; of each, one stage at most fits at a time."""
    lives, dies = (_TOLD_TO_STOP, "DoesNotExist"), (_TOLD_TO_STOP, "Exists")
    code, after = (f'.metadata.annotations["{one}"]' for one in (EXIT_CODE, AFTER))
    as_it_was_left = (_IS_READY % port, "NotIn", "yes")
    return [
        _stage("node-ready", "Node", [as_it_was_left], [_status(_NODE_READY % port)]),
        _stage("begins", "Pod", [lives, (_PHASE, "In", "Pending")], [_status(_BEGINS), _STARTED]),
        _stage(
            *("ends", "Pod", [lives, (_PHASE, "In", "Running"), (code, "Exists")]),
            [_status(_ends(_annotation(EXIT_CODE)))],
            {"durationMilliseconds": 0, "durationFrom": {"jq": {"expression": after}}},
        ),
        # As a kubelet does it: the last word about the containers first, then the pod goes.
        _stage("stops", "Pod", [dies, (_PHASE, "In", "Running")], [_status(_ends('"143"'))]),
        _stage("goes", "Pod", [dies, (_PHASE, "NotIn", "Running")], [{"delete": True}]),
    ]


def _stage(
    name: str,
    kind: str,
    holds: Sequence[tuple[str, ...]],
    steps: Sequence[Mapping[str, Any]],
    delay: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """holds: an expression, an operator, and its values."""
    found = [
        {"jq": {"key": key, "operator": operator, **({"values": values} if values else {})}}
        for key, operator, *values in holds
    ]
    spec = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "selector": {"matchExpressions": found},
        "steps": steps,
        **({"delay": delay} if delay is not None else {}),
    }
    return _resource("Stage", name, spec)


def _logs(file: Path) -> dict[str, Any]:
    return _resource("ClusterLogs", "every-pod", {"logs": [{"logsFile": str(file)}]})


def _resource(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    version = "kwok.x-k8s.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _status(template: str) -> dict[str, Any]:
    """The step that writes a status, which Go's templates make."""
    return {"patch": {"subresource": "status", "root": "status", "template": template}}


def _ends(code: str) -> str:
    """The containers have ended with this code, which is an expression."""
    return f"{{{{ $code := {code} }}}}{{{{ $reason := {_annotation(REASON)} }}}}{_ENDED}"


def _annotation(name: str) -> str:
    return f'index (or .metadata.annotations dict) "{name}"'


_STARTED = {"event": {"type": "Normal", "reason": "Started", "message": "Container started"}}

_IS_READY = """
if any(.status.conditions[]?; .type == "Ready" and .status == "True")
  and .status.daemonEndpoints.kubeletEndpoint.Port == %d
then "yes" else "no" end
"""

_NODE_READY = """
addresses: [{type: InternalIP, address: 127.0.0.1}]
daemonEndpoints: {kubeletEndpoint: {Port: %d}}
allocatable: {cpu: "1000", memory: 1000Gi, pods: "10000"}
capacity: {cpu: "1000", memory: 1000Gi, pods: "10000"}
conditions:
- type: Ready
  status: "True"
  reason: Fake
  message: it is none
  lastHeartbeatTime: {{ Now }}
  lastTransitionTime: {{ Now }}
"""

_BEGINS = """
{{ $now := Now }}
{{ $uid := .metadata.uid }}
phase: Running
startTime: {{ $now }}
conditions:
{{ range $type := list "Initialized" "ContainersReady" "Ready" }}
- {type: {{ $type }}, status: "True", lastTransitionTime: {{ $now }}}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  containerID: {{ printf "fake://%s/%s" $uid .name | Quote }}
  ready: true
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now }}}}
{{ end }}
"""

_ENDED = """
{{ $now := Now }}
phase: {{ if eq $code "0" }}Succeeded{{ else }}Failed{{ end }}
conditions:
{{ range $type := list "ContainersReady" "Ready" }}
- {type: {{ $type }}, status: "False", lastTransitionTime: {{ $now }}}
{{ end }}
containerStatuses:
{{ range .status.containerStatuses }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: {{ .imageID | Quote }}
  containerID: {{ .containerID | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: {{ $code }}
      reason: {{ or $reason (ternary "Completed" "Error" (eq $code "0")) }}
      startedAt: {{ .state.running.startedAt }}
      finishedAt: {{ $now }}
{{ end }}
"""
