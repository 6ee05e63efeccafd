"""Amends as a platform team gets it: helm, the operator's own image, two pods on a real node.

NetworkPolicies are accepted here and no more: the node's network does not enforce them.
"""

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples.demo import story
from examples.demo.clusters import GROUP, TENANT, OurControlPlane
from examples.demo.stage import NotSeen, Stage
from examples.demo.terminal import Terminal

import build
import image
import machine
import settings
from amends.api import Receipt
from amends.core.records.receipts import is_genuine
from chart.helm import Helm
from chart.release import OURS, Release
from node import Node
from support import manifests
from support.podboard import PodBoard
from waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

WAIT = ("--wait", "--timeout=110s")
SECONDS = 60.0
Object = dict[str, Any]


def values_for(board: PodBoard) -> Object:
    """Two pods of the image that is on the node, which may call the board and nothing else."""
    repository, _, tag = image.NAME.rpartition(":")
    people = {"groups": [GROUP]}
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "replicaCount": 2,
        "operator": {
            "allowTargets": [board.origin],
            # A dead leader's work is taken over after these.
            "leaseSeconds": 5,
            "claimSeconds": 10,
        },
        "networkPolicy": {
            "enabled": True,
            "apiServer": {"cidrs": [f"{settings.ADDRESS}/32"]},
            "targets": [{"cidr": f"{board.address}/32", "ports": [8081]}],
        },
        "tenants": {
            TENANT: {
                "createNamespace": True,
                "viewers": people,
                "responders": people,
                "approvers": people,
            }
        },
    }


@dataclass(frozen=True)
class Deployed:
    """The release on the node, and the world outside that it may call."""

    release: Release
    board: PodBoard
    values: Object
    folder: Path

    def kubectl(self, *arguments: str, user: str = "admin", input: str | None = None) -> str:  # noqa: A002
        return self.release.cp.kubectl(*arguments, user=user, input=input).stdout

    def pods(self) -> list[Object]:
        """The operator's pods that are not on their way out."""
        labels = f"{OURS},app.kubernetes.io/component=operator"
        asked = ("get", "pods", "-n", self.release.namespace, "-l", labels, "-o", "json")
        pods = json.loads(self.kubectl(*asked))["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def leader(self) -> str | None:
        """The pod that holds the Lease."""
        asked = ("get", "lease", "amends", "-n", self.release.namespace, "-o", "json")
        holder = json.loads(self.kubectl(*asked))["spec"].get("holderIdentity") or ""
        names = [str(pod["metadata"]["name"]) for pod in self.pods()]
        return next((name for name in names if name in holder), None)

    def records(self) -> dict[str, Object]:
        """Every record of the tenant, by kind and name."""
        items = json.loads(self.kubectl("get", "amends", "-n", TENANT, "-o", "json"))["items"]
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in items}

    def create(self, user: str, obj: Object) -> None:
        self.kubectl("create", "-n", TENANT, "-f", "-", user=user, input=json.dumps(obj))

    def read(self, what: str) -> Object:
        found: Object = json.loads(self.kubectl("get", what, "-n", TENANT, "-o", "json"))
        return found

    def wait_until(self, name: str, phase: str) -> Object:
        """The Compensation once it is in this phase."""
        path = f"--for=jsonpath={{.status.phase}}={phase}"
        patience = f"--timeout={SECONDS:.0f}s"
        self.kubectl("wait", path, f"compensation/{name}", "-n", TENANT, patience)
        return self.read(f"compensation/{name}")

    def plan_undo(self, name: str) -> str:
        """bob posts a message and asks for its removal; the idempotency key of that."""
        message = self.board.post(f"posted by {name}")
        token = {"secretKeyRef": {"name": "board", "key": "authorization"}}
        http = {
            "method": "DELETE",
            "url": f"{self.board.origin}/messages/{message}",
            "headers": [{"name": "Authorization", "valueFrom": token}],
            "retrySafety": "ProviderKey",
        }
        self.create("bob", manifests.compensation(name, http=http))
        return f"amends:{TENANT}/{self.read(f'compensation/{name}')['metadata']['uid']}"

    def approve(self, name: str) -> None:
        """alice approves what it is by now."""
        digest = self.wait_until(name, "AwaitingApproval")["status"]["planDigest"]
        self.create("alice", manifests.approval(f"{name}-yes", name, planDigest=digest))

    def logs(self) -> Path:
        """What all pods have logged so far, as a file."""
        file = self.folder / "operator.log"
        logs = ("logs", "-n", self.release.namespace)
        names = [pod["metadata"]["name"] for pod in self.pods()]
        file.write_text("".join(self.kubectl(*logs, name) for name in names))
        return file


@dataclass(frozen=True)
class Pods:
    """The operator, as a stage of the demo sees it."""

    deployed: Deployed

    @property
    def log(self) -> Path:
        return self.deployed.logs()

    def tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-30:])


@pytest.fixture(scope="module")
def archive(node_can_run: None) -> Path:
    """The operator's own image. Where it cannot be built these tests are skipped, unless in CI."""
    if not machine.is_required() and (why := image.objection()) is not None:
        pytest.skip(why)
    return image.archive()


@pytest.fixture(scope="module")
def deployed(
    archive: Path, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """`helm install --wait`, with a tenant and its board."""
    folder = tmp_path_factory.mktemp("deployed")
    node.load(archive)
    board = PodBoard.start(node, image.NAME)
    release = Release(Helm(build.build(["helm"])["helm"], folder, node.kubeconfig()), node)
    values = values_for(board)
    release.install(values, *WAIT)
    yield Deployed(release, board, values, folder)
    release.remove()
    node.kubectl("delete", "namespace", TENANT, release.namespace, "--timeout=100s")
    board.stop()


@pytest.fixture(scope="module")
def stage(deployed: Deployed) -> Stage:
    """The demo's stage, on the node."""
    folder = deployed.folder
    terminal = Terminal(io.StringIO())
    cluster = OurControlPlane(deployed.release.cp)
    made = Stage(cluster, deployed.board, Pods(deployed), folder, terminal)
    secret = made.write("board-secret.yaml", token=deployed.board.token, people=GROUP)
    deployed.kubectl("apply", "-n", TENANT, "-f", str(folder / secret))
    return made


def test_the_release_is_two_ready_pods_of_its_own_image_and_one_leads(deployed: Deployed) -> None:
    statuses = [
        (status["image"], status["ready"], status["restartCount"])
        for pod in deployed.pods()
        for status in pod["status"]["containerStatuses"]
    ]

    assert statuses == [(image.NAME, True, 0)] * 2
    wait_for(deployed.leader, seconds=SECONDS, what="one of the pods to lead")
    policies = ("get", "networkpolicies", "-n", deployed.release.namespace, "-o", "name")
    assert deployed.kubectl(*policies) == "networkpolicy.networking.k8s.io/amends\n"


def test_helm_test_finds_the_installation_fit(deployed: Deployed) -> None:
    assert "Phase:          Succeeded" in deployed.release("test")


def test_the_demos_story_is_seen_whole(stage: Stage) -> None:
    with contextlib.chdir(stage.folder):
        try:
            story.play(stage)
        except NotSeen as why:
            why.add_note(stage.operator.tail())
            raise


def test_a_leader_deleted_in_mid_execution_leaves_one_effect_and_its_receipt(
    deployed: Deployed, stage: Stage
) -> None:
    board, name = deployed.board, "interrupted"
    key = deployed.plan_undo(name)
    # The board will remove the message, and keep the operator waiting for the answer.
    board.call("PUT", "/faults", {"next": [{"kind": "hang", "seconds": 90}]})
    deployed.approve(name)
    wait_for(lambda: board.effects()[key], seconds=SECONDS, what="the message to be removed")
    leader = deployed.leader()
    assert leader is not None
    assert deployed.read(f"compensation/{name}")["status"]["phase"] == "Running"

    deployed.kubectl(
        *("delete", "pod", leader, "-n", deployed.release.namespace, "--grace-period=1")
    )

    status = deployed.wait_until(name, "Completed")["status"]
    assert (status["attempts"], board.effects()[key]) == (2, 1)
    assert deployed.leader() not in (None, leader)
    receipts = [
        Receipt.read(record)
        for kind, record in deployed.records().items()
        if kind.startswith("Receipt/") and record["spec"]["payload"].get("compensation") == name
    ]
    assert [receipt.metadata.name for receipt in receipts] == [status["receiptRef"]["name"]]
    assert is_genuine(receipts[0].metadata.name, receipts[0].spec)


def test_upgrade_and_rollback_keep_every_record_and_go_on_working(
    deployed: Deployed, stage: Stage
) -> None:
    def works(name: str) -> None:
        key = deployed.plan_undo(name)
        deployed.approve(name)
        deployed.wait_until(name, "Completed")
        assert deployed.board.effects()[key] == 1

    kept = deployed.records()
    changed = {**deployed.values, "podAnnotations": {"revision": "two"}}

    deployed.release.upgrade(changed, *WAIT)

    assert [annotation_of(pod) for pod in deployed.pods()] == ["two", "two"]
    assert deployed.records() == kept
    works("after-the-upgrade")

    kept = deployed.records()
    deployed.release("rollback", *WAIT)

    assert [annotation_of(pod) for pod in deployed.pods()] == [None, None]
    assert deployed.records() == kept
    works("after-the-rollback")


def annotation_of(pod: Object) -> str | None:
    found: str | None = pod["metadata"].get("annotations", {}).get("revision")
    return found


def test_uninstall_ends_the_pods_and_keeps_every_record(deployed: Deployed, stage: Stage) -> None:
    deployed.plan_undo("left-open")
    deployed.wait_until("left-open", "AwaitingApproval")
    kept = deployed.records()

    said = deployed.release("uninstall", *WAIT)

    assert "kept due to the resource policy" in said
    assert deployed.pods() == []
    assert deployed.records() == kept
