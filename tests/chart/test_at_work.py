"""An installed release at work: the operator as its Deployment runs it, people as it binds them."""

import itertools
import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.error import URLError

import pytest
from typer.testing import CliRunner

from amends.__main__ import app
from chart.helm import Helm, HelmFailed
from chart.release import Release, manifest, released
from chart.value_sets import FLUX
from controlplane import ControlPlane
from installation import RunningOperator
from support import forked
from support.upkeep import free_address
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SHOP, KIOSK = "corner-shop", "kiosk"
VALUES = {
    "admission": {"gitopsAgents": [FLUX]},
    "tenants": {
        SHOP: {
            "createNamespace": True,
            "viewers": {"users": ["carol"]},
            "responders": {"users": ["bob"]},
            "approvers": {"users": ["alice"]},
            "automations": {"serviceAccounts": [{"name": "ci"}]},
        },
        KIOSK: {"createNamespace": True, "quota": {"actions": 1}},
    },
}
CI = f"system:serviceaccount:{SHOP}:ci"
NOBODY = "there is no Lease amends-system/amends: no operator has started yet"
FAILED = {"operation": "board.post", "outcome": "failed", "error": "called off"}


@pytest.fixture(scope="module")
def release(helm: Helm, cluster: ControlPlane) -> Iterator[Release]:
    """The release that every test here is about."""
    with released(Release(helm, cluster), VALUES) as made:
        yield made
        cluster.kubectl("delete", "namespace", SHOP, KIOSK, "--wait=false")


@dataclass(frozen=True)
class Replica:
    """One pod's process, and where it answers."""

    running: RunningOperator
    health: str
    metrics: str

    def is_healthy(self) -> bool:
        """What the probes ask."""
        return fetched(f"http://{self.health}/healthz") is not None

    def leads(self) -> bool:
        """What its metrics say."""
        return "amends_leader 1.0" in (fetched(f"http://{self.metrics}/metrics") or "")


def fetched(url: str) -> str | None:
    """What is served there with 200; None: nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (URLError, OSError):
        return None


def arguments(release: Release, health: str, metrics: str) -> list[str]:
    """Those of the Deployment, on addresses of this machine."""
    (container,) = release.pod()["containers"]
    run, *options = container["args"]
    assert run == "run"
    here = {"--health-listen": health, "--metrics-listen": metrics}
    named = dict(option.split("=", 1) for option in options)
    return [f"{name}={value}" for name, value in {**named, **here}.items()]


@pytest.fixture(scope="module")
def replicas(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    """Both pods' processes, with the account and the arguments that the chart gives them."""
    account = release.pod()["serviceAccountName"]
    kubeconfig = release.cp.service_account_kubeconfig(release.namespace, account)
    logs = tmp_path_factory.mktemp("replicas")
    with ExitStack() as stack:
        started = []
        for number in range(2):
            health, metrics = (free_address() for _ in range(2))
            running = forked.running_operator(
                *(kubeconfig, logs / f"{number}.log", arguments(release, health, metrics)),
                until_working=False,
            )
            started.append(Replica(stack.enter_context(running), health, metrics))
        yield started


def checked(release: Release, *more: str) -> tuple[int, list[str]]:
    """What `helm test` would say: its pod runs this, as this account."""
    account = release.pod()["serviceAccountName"]
    kubeconfig = release.cp.service_account_kubeconfig(release.namespace, account)
    command = ["check", f"--kubeconfig={kubeconfig}", f"--gitops-agent={FLUX}", *more]
    result = CliRunner().invoke(app, command)
    return result.exit_code, result.output.splitlines()


def test_the_check_says_that_nobody_works_yet(release: Release) -> None:
    assert checked(release) == (
        1,
        [
            "✓ the kinds are served",
            "✓ the admission policies stand",
            "✓ the API server obeys them",
            f"✗ an operator leads: {NOBODY}",
        ],
    )


def test_both_replicas_are_ready_and_one_leads(replicas: Sequence[Replica]) -> None:
    wait_for(
        lambda: all(one.is_healthy() for one in replicas),
        seconds=60,
        what="both replicas to be healthy",
    )
    wait_for(lambda: any(one.leads() for one in replicas), seconds=60, what="a leader")

    assert sorted(one.leads() for one in replicas) == [False, True]


def test_the_check_passes_as_soon_as_somebody_leads(
    release: Release, replicas: Sequence[Replica]
) -> None:
    assert checked(release, "--wait-seconds=60") == (
        0,
        [
            "✓ the kinds are served",
            "✓ the admission policies stand",
            "✓ the API server obeys them",
            "✓ an operator leads",
        ],
    )


def test_the_check_names_a_policy_that_is_gone(
    release: Release, replicas: Sequence[Replica]
) -> None:
    binding = "validatingadmissionpolicybinding/amends-people-decide"
    release.cp.kubectl("delete", binding)

    status, said = checked(release)
    release.upgrade(VALUES)

    assert status == 1
    assert (
        "✗ the admission policies stand: ValidatingAdmissionPolicyBinding amends-people-decide "
        "is missing" in said
    )
    assert checked(release, "--wait-seconds=60")[0] == 0


def test_a_failure_that_an_automation_reports_is_held(
    release: Release, replicas: Sequence[Replica]
) -> None:
    release.cp.kubectl("create", "serviceaccount", "ci", "-n", SHOP)
    kubeconfig = release.cp.service_account_kubeconfig(SHOP, "ci")

    release.cp.kubectl(
        *("create", "-f", "-", f"--kubeconfig={kubeconfig}"),
        input=manifest("Action", "announce", SHOP, FAILED),
    )

    asked = ("get", "deadletters", "-n", SHOP, "-o", "jsonpath={.items[*].spec.operation}")
    wait_for(
        lambda: release.cp.kubectl(*asked).stdout == "board.post", seconds=30, what="a DeadLetter"
    )


@pytest.mark.parametrize(
    ("who", "verb", "what", "answer"),
    [
        pytest.param("carol", "list", "deadletters.amends.dev", "yes", id="a viewer looks"),
        pytest.param("carol", "create", "actions.amends.dev", "no", id="and only looks"),
        pytest.param("bob", "create", "compensations.amends.dev", "yes", id="a responder asks"),
        pytest.param("bob", "create", "approvals.amends.dev", "no", id="and does not approve"),
        pytest.param("alice", "approve", "compensations.amends.dev", "yes", id="an approver may"),
        pytest.param("alice", "create", "actions.amends.dev", "no", id="and reports nothing"),
        pytest.param(CI, "create", "actions.amends.dev", "yes", id="an automation reports"),
        pytest.param(CI, "list", "actions.amends.dev", "no", id="and lists nothing"),
        pytest.param(CI, "use", "serviceaccounts/amends-runner", "yes", id="and uses the runner"),
    ],
)
def test_a_tenants_people_may_what_the_values_say(
    release: Release, who: str, verb: str, what: str, answer: str
) -> None:
    asked = ("auth", "can-i", verb, what, "-n", SHOP, "--as", who)

    assert release.cp.kubectl(*asked, check=False).stdout.strip() == answer


@pytest.mark.parametrize(
    ("role", "verb", "what", "answer"),
    [
        pytest.param("view", "list", "receipts.amends.dev", "yes", id="view sees records"),
        pytest.param("view", "create", "actions.amends.dev", "no", id="view reports nothing"),
        pytest.param("edit", "create", "compensations.amends.dev", "yes", id="edit asks"),
        pytest.param("edit", "create", "approvals.amends.dev", "no", id="edit does not approve"),
        pytest.param("admin", "create", "compensations.amends.dev", "yes", id="admin asks"),
        pytest.param("admin", "use", "secrets", "yes", id="admin lets others use its Secrets"),
        pytest.param("admin", "create", "approvals.amends.dev", "no", id="nor does admin approve"),
        pytest.param("admin", "approve", "compensations.amends.dev", "no", id="in no way"),
    ],
)
def test_the_clusters_roles_get_what_fits_them(
    release: Release, role: str, verb: str, what: str, answer: str
) -> None:
    who = f"{role}-of-{SHOP}"
    bind = ("create", "rolebinding", who, "-n", SHOP, f"--clusterrole={role}", f"--user={who}")
    release.cp.kubectl(*bind, check=False)
    asked = ("auth", "can-i", verb, what, "-n", SHOP, "--as", who)
    if answer == "yes":  # the cluster takes a moment to gather a role
        wait_for(
            lambda: release.cp.kubectl(*asked, check=False).stdout.strip() == "yes",
            seconds=30,
            what=f"{role} to be gathered",
        )

    assert release.cp.kubectl(*asked, check=False).stdout.strip() == answer


def test_a_listed_gitops_agent_decides_and_no_other_service_account(release: Release) -> None:
    text = manifest(
        *("Disposition", "left", SHOP),
        {"deadLetterRef": {"name": "x"}, "choice": "Ignore", "reason": "of no account"},
    )

    def decided_by(account: str) -> str:
        groups = ("system:masters", "system:serviceaccounts")
        acting = ("--as", account, *(word for group in groups for word in ("--as-group", group)))
        said = release.cp.kubectl(
            *("create", "--dry-run=server", "-f", "-", *acting), input=text, check=False
        )
        return said.stdout + said.stderr

    assert "disposition.amends.dev/left created" in decided_by(FLUX)
    assert "is a service account, and people decide" in decided_by(CI)


def test_a_second_release_is_refused(release: Release, helm: Helm) -> None:
    with pytest.raises(HelmFailed, match="invalid ownership metadata"):
        Release(helm, release.cp, name="second", namespace="elsewhere").install()


def test_a_quota_holds_back_what_is_beyond_it(release: Release) -> None:
    quota = ("resourcequota/amends-records", "-n", KIOSK)
    limits = itertools.count(2)

    def counted() -> bool:
        """The cluster learns of a kind after a while, and looks anew at a quota that changes."""
        hard = {"spec": {"hard": {"count/compensations.amends.dev": str(next(limits))}}}
        release.cp.kubectl("patch", *quota, "--type=merge", "-p", json.dumps(hard))
        found = release.cp.kubectl("get", *quota, "-o", "jsonpath={.status.used}").stdout
        return "count/actions.amends.dev" in found

    def report(name: str) -> str:
        text = manifest("Action", name, KIOSK, FAILED)
        said = release.cp.kubectl("create", "-f", "-", input=text, check=False)
        return said.stdout + said.stderr

    wait_for(counted, seconds=90, what="the cluster to count objects of a new kind")

    assert report("first") == "action.amends.dev/first created\n"
    assert "exceeded quota: amends-records, requested: count/actions.amends.dev=1" in report("next")
