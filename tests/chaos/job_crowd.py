"""A crowd of undos by Job: tenants whose people ask for them, and whoever disturbs their pods."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count as numbers_from

import yaml

from amends.ports import Raw
from chaos.etcd_history import History, Observer
from chaos.job_fates import DISTURBED, FATE, Fate
from installation import RBAC, RunningOperator
from support.api import collection_of
from support.manifests import unapproved, unique
from support.tenant import Installed, Tenant
from waiting import wait_for

UNDO = "Compensation"
SIDE_BY_SIDE = 4
LOOKS_EVERY = 1.0
"""Seconds: the pace of what is done to the pods and asked beside them, too."""
ASKED_EVERY = 1.0
"""Seconds between two undos of the bystander."""
LIMIT, LIMIT_EACH = 120.0, 2.0
"""Seconds until it is a failure that something has not ended: for all, and for each besides."""
LONGEST_RUN = 3.0
"""Seconds that a program runs at most that ends by itself."""

PATIENT = ("--lease-seconds", "60")
"""The operator's arguments. A Lease that a busy machine loses is a subject of other campaigns."""

Undos = Mapping[tuple[str, str], Fate]
"""What befalls the pod of each undo, by namespace and name."""


@dataclass
class Crowd:
    """An operator, tenants whose people ask for undos by Job, and a bystander who does not."""

    installed: Installed
    operator: RunningOperator
    observer: Observer
    tenants: list[Tenant]
    bystander: Tenant
    disturbed: set[str] = field(default_factory=set)
    """The uids of the pods that were deleted or evicted."""
    _numbers: Iterator[int] = field(default_factory=lambda: numbers_from(1))
    _asked_at: float = 0.0

    @classmethod
    def of(
        cls, installed: Installed, operator: RunningOperator, observer: Observer, namespaces: int
    ) -> "Crowd":
        """With so many tenants."""
        tenants = [_tenant(installed) for _ in range(namespaces)]
        bystander = installed.tenant(unique("bystander"))
        return cls(installed, operator, observer, tenants, bystander)

    def ask(self, fates: list[Fate], dice: random.Random) -> Undos:
        """bob asks for all of them; returns once each of them waits for approval."""
        asked: dict[tuple[str, str], Fate] = {}
        plans: list[tuple[Tenant, Raw]] = []
        for number, fate in enumerate(fates):
            tenant = self.tenants[number % len(self.tenants)]
            name = f"undo-{number:04}"
            plans.append((tenant, fate.undo(name, dice.uniform(0, LONGEST_RUN))))
            asked[tenant.namespace, name] = fate
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            all(pool.map(lambda one: one[0].create(one[1]), plans))
        self._until(lambda: self._waiting() == len(asked), len(asked), "all to wait for approval")
        return asked

    def approve(self) -> None:
        """alice approves each as it is."""
        plans = [(tenant, undo) for tenant in self.tenants for undo in tenant.every(UNDO)]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            all(pool.map(lambda one: _approve(*one), plans))

    def live(self, undos: Undos) -> None:
        """Let time go by until each of them has ended, and do to their pods what is to be done."""
        self._until(lambda: self._is_over(undos), len(undos), "everything to end")

    def history(self) -> History:
        """What has happened to the undos by Job."""
        return self.observer.history().within(*(one.namespace for one in self.tenants))

    def _until(self, holds: Callable[[], bool], count: int, what: str) -> None:
        def looked() -> bool:
            self._disturb()
            self._ask_beside()
            if self.operator.process.poll() is not None:
                raise RuntimeError(f"the operator has ended:\n{self.operator.tail()}")
            time.sleep(LOOKS_EVERY)
            return holds()

        wait_for(looked, seconds=LIMIT + LIMIT_EACH * count, what=what)

    def _waiting(self) -> int:
        return sum(
            raw.get("status", {}).get("phase") == "AwaitingApproval"
            for raw, _ in self.history().of(UNDO)
        )

    def _is_over(self, undos: Undos) -> bool:
        return all(undos[key_of(raw)].is_over(raw) for raw, _ in self.history().of(UNDO))

    def _disturb(self) -> None:
        """Delete and evict the pods that run and are meant to be."""
        admin = self.installed.user("admin")
        query = {
            "labelSelector": f"{FATE} in ({','.join(DISTURBED)})",
            "fieldSelector": "status.phase=Running",
        }
        for pod in admin.call("GET", "/api/v1/pods", query=query)["items"]:
            meta = pod["metadata"]
            if meta["uid"] in self.disturbed:
                continue
            self.disturbed.add(meta["uid"])
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            if meta["labels"][FATE] == "deleted":
                admin.call("DELETE", path)
            else:
                named = {"name": meta["name"], "namespace": meta["namespace"]}
                body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": named}
                admin.call("POST", f"{path}/eviction", body)

    def _ask_beside(self) -> None:
        if time.monotonic() - self._asked_at > ASKED_EVERY:
            self._asked_at = time.monotonic()
            self.bystander.create(unapproved(f"beside-{next(self._numbers)}"))


def key_of(raw: Raw) -> tuple[str, str]:
    """Its namespace and name."""
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _tenant(installed: Installed) -> Tenant:
    """A tenant whose plans may run Jobs."""
    made = installed.tenant(unique("jobs"))
    admin = installed.user("admin")
    for role in yaml.safe_load_all((RBAC / "tenant-jobs.yaml").read_text()):
        role["metadata"]["namespace"] = made.namespace
        admin.call("POST", collection_of(role), role)
    made.let("bob", ("batch", "jobs", "create", ""))
    return made


def _approve(tenant: Tenant, undo: Raw) -> Raw:
    return tenant.approve(undo["metadata"]["name"], planDigest=undo["status"]["planDigest"])
