"""Small pods, run to their end or until they are ready."""

import json
from typing import Any

from cluster import Cluster
from waiting import wait_for


def container(image: str, *command: str, **more: Any) -> dict[str, Any]:
    """One container, of an image that the node has."""
    asked = {"name": "only", "image": image, "imagePullPolicy": "Never", "command": list(command)}
    return asked | more


def run(cluster: Cluster, name: str, only: dict[str, Any], **spec: Any) -> None:
    """Creates a pod that is not started again."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [only], **spec},
    }
    cluster.kubectl("create", "-f", "-", input=json.dumps(pod))


def run_until_ready(cluster: Cluster, name: str, only: dict[str, Any]) -> None:
    run(cluster, name, only)
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")


def run_to_its_end(
    cluster: Cluster, name: str, only: dict[str, Any], **spec: Any
) -> tuple[int, str]:
    """The exit status of a pod's program, and all it wrote."""
    run(cluster, name, only, **spec)
    wait_for(lambda: exit_statuses(cluster, name), seconds=60, what=f"the end of pod {name}")
    return exit_statuses(cluster, name)[0], cluster.kubectl("logs", name).stdout


def exit_statuses(cluster: Cluster, name: str) -> list[int]:
    """Of the containers of a pod that have ended."""
    path = "-ojsonpath={.status.containerStatuses[*].state.terminated.exitCode}"
    return [int(status) for status in cluster.kubectl("get", "pod", name, path).stdout.split()]
