"""The node is real: pods run, read the API, reach each other, and can be looked into."""

import json
from pathlib import Path

import pytest

import build
import settings
from archive import write_image
from node import BUSYBOX, LoadFailed, Node
from support.pods import container, exit_statuses, run_to_its_end, run_until_ready

pytestmark = [
    pytest.mark.node,
    pytest.mark.timeout(900),  # the first of these tests may have to build the programs
]


def test_it_is_ready_and_of_the_pinned_versions(node: Node) -> None:
    pinned = {program.name: program.version for program in build.PROGRAMS}
    machine = json.loads(node.kubectl("get", "node", settings.NAME, "--output=json").stdout)

    conditions = {each["type"]: each["status"] for each in machine["status"]["conditions"]}
    assert conditions == {
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
        "Ready": "True",
    }
    info = machine["status"]["nodeInfo"]
    assert (info["kubeletVersion"], info["containerRuntimeVersion"]) == (
        pinned["kubelet"],
        f"containerd://{pinned['containerd'].removeprefix('v')}",
    )


@pytest.mark.parametrize(("user", "group"), [("alice", "tenant-a"), ("carol", "tenant-b")])
def test_people_are_who_they_are_on_a_control_plane(node: Node, user: str, group: str) -> None:
    said = node.kubectl("auth", "whoami", "--output=json", user=user).stdout

    assert json.loads(said)["status"]["userInfo"] == {
        "username": user,
        "uid": user,
        "groups": [group, "system:authenticated"],
    }


def test_a_pod_reads_the_api_as_its_service_account_and_no_more(node: Node, tmp_path: Path) -> None:
    image, reader = "localhost/kubectl:1", "system:serviceaccount:default:reader"
    write_image(tmp_path / "image.tar", [image], files={"bin/kubectl": node.bin / "kubectl"})
    node.load(tmp_path / "image.tar")
    for created in (
        ("serviceaccount", "reader"),
        ("role", "reader", "--verb=get", "--resource=pods"),
        ("rolebinding", "reader", "--role=reader", "--serviceaccount=default:reader"),
    ):
        node.kubectl("create", *created)

    def asks_for(name: str, what: str) -> tuple[int, str]:
        asking = container(image, "kubectl", "get", what, "--output=name")
        return run_to_its_end(node, name, asking, serviceAccountName="reader")

    assert asks_for("may", "pod/may") == (0, "pod/may\n")
    forbidden = f'secrets "any" is forbidden: User "{reader}" cannot get resource "secrets"'
    where = 'in API group "" in the namespace "default"'
    assert asks_for("may-not", "secret/any") == (
        1,
        f"Error from server (Forbidden): {forbidden} {where}\n",
    )


def test_a_pod_reaches_another_by_its_service(node: Node) -> None:
    serving = "mkdir /www && echo pong > /www/ping && exec httpd -f -p 8080 -h /www"
    probe = {"httpGet": {"path": "/ping", "port": 8080}, "periodSeconds": 1}
    run_until_ready(node, "server", container(BUSYBOX, "sh", "-c", serving, readinessProbe=probe))
    node.kubectl("expose", "pod", "server", "--port=80", "--target-port=8080")
    address = node.kubectl("get", "service", "server", "-ojsonpath={.spec.clusterIP}").stdout

    # The rules of a new Service take a moment to be in the kernel.
    fetching = f"until wget -q -O - http://{address}:80/ping; do sleep 0.2; done"

    assert run_to_its_end(node, "client", container(BUSYBOX, "sh", "-c", fetching)) == (0, "pong\n")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        pytest.param(0, "Complete", id="a job whose program succeeds is complete"),
        pytest.param(42, "Failed", id="a job whose program fails has failed"),
    ],
)
def test_a_job_ends_as_its_program_does(node: Node, status: int, outcome: str) -> None:
    name = f"exits-with-{status}"
    template = {
        "restartPolicy": "Never",
        "containers": [container(BUSYBOX, "sh", "-c", f"exit {status}")],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": template}},
    }
    node.kubectl("create", "-f", "-", input=json.dumps(job))

    node.kubectl("wait", f"--for=condition={outcome}", f"job/{name}", "--timeout=60s")

    pod = node.kubectl("get", "pod", f"--selector=job-name={name}", "--output=name").stdout.strip()
    assert exit_statuses(node, pod.removeprefix("pod/")) == [status]


def test_logs_and_exec_reach_into_a_running_pod(node: Node) -> None:
    talking = container(BUSYBOX, "sh", "-c", "echo said at start; exec sleep infinity")
    run_until_ready(node, "talker", talking)

    inside = node.kubectl("exec", "talker", "--stdin", "--", "cat", input="from outside")

    assert inside.stdout == "from outside"
    assert node.kubectl("logs", "talker").stdout == "said at start\n"


def test_a_file_that_is_no_image_is_refused_with_what_was_wrong(node: Node, tmp_path: Path) -> None:
    (tmp_path / "not-an-image.tar").write_text("text")

    with pytest.raises(LoadFailed, match=r"(?s)not-an-image.tar cannot be loaded:\n.*ctr: "):
        node.load(tmp_path / "not-an-image.tar")
