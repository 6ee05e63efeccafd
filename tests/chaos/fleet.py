"""The campaign against leadership: replicas that sleep, drift, are cut off or lose their Lease.

Whatever is done to them, etcd's history and the target's own record show: at no time two effects
for one claim, none without one, and nothing that stays undone.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

import installation
from chaos.etcd_history import Observer
from chaos.figures import Figures, folder_for, seed_of
from chaos.formation import CLAIM, LEASE, LEASE_PATH, Formation, Stuck, formation
from chaos.linearizable import AUDITED, described, doctored, moments, operations, refused
from controlplane import ControlPlane
from integration.cluster import Refused
from support.tenant import Installed

SKEW = 600
FORMATIONS = ([0, 0], [0, SKEW], [0, -SKEW], [0, SKEW, -SKEW])
"""By how many seconds the clock of each replica is wrong."""


def stopped_past_its_lease(fleet: Formation) -> None:
    """SIGSTOP with claims in its hands; SIGCONT as soon as another one leads."""
    leader = fleet.busy()
    leader.stop()
    fleet.somebody_else_leads(leader)
    leader.go_on()


def stopped_past_its_claims(fleet: Formation) -> None:
    """SIGSTOP until another one has given up its claims, too."""
    leader = fleet.busy()
    leader.stop()
    fleet.somebody_else_leads(leader)
    fleet.until(lambda: not fleet.has_claim(leader), "its claims to be given up")
    leader.go_on()


def killed(fleet: Formation) -> None:
    """SIGKILL with claims in its hands."""
    leader = fleet.busy()
    leader.kill()
    fleet.led()


def cut_off(fleet: Formation) -> None:
    """Nothing passes between leader and API server, while it still reaches the target.

    What it wrote meanwhile arrives when the network is whole again.
    """
    leader = fleet.busy()
    leader.relay.close()
    fleet.somebody_else_leads(leader)
    fleet.pause(fleet.dice.uniform(0, CLAIM))
    leader.relay.open()


def cut_off_for_a_moment(fleet: Formation) -> None:
    """Shorter than its lease: it stays the leader."""
    leader = fleet.led()
    leader.relay.close()
    fleet.pause(LEASE / 3)
    leader.relay.open()


def lease_deleted(fleet: Formation) -> None:
    """Somebody deletes the Lease: whoever is first makes a new one."""
    fleet.led()
    fleet.installed.user("admin").call("DELETE", LEASE_PATH)
    fleet.led()


def lease_taken(fleet: Formation) -> None:
    """Somebody who is none of them takes it, and never renews it."""
    _edit(fleet, holderIdentity="somebody-else")
    fleet.pause(LEASE)
    fleet.led()


def lease_given_to_a_follower(fleet: Formation) -> None:
    """Two believe that they lead, until the first one finds it taken."""
    leader = fleet.led()
    others = [one.holder() for one in fleet.replicas if one is not leader]
    if living := [*filter(None, others)]:
        _edit(fleet, holderIdentity=fleet.dice.choice(living))
    fleet.led()


def lease_edited(fleet: Formation) -> None:
    """Nonsense in it: no holder, a time in the future or long ago, a second or an hour."""
    now = datetime.now(UTC)
    for nonsense in (
        {"holderIdentity": ""},
        {"renewTime": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%fZ}"},
        {"renewTime": "1970-01-01T00:00:00.000000Z"},
        {"leaseDurationSeconds": 3600},
        {"leaseDurationSeconds": 1},
    ):
        fleet.led()
        _edit(fleet, **nonsense)
        fleet.pause(1)
    fleet.led()


def _edit(fleet: Formation, **spec: object) -> None:
    changed = {"spec": spec}
    merge = "application/merge-patch+json"
    with suppress(Refused):  # deleted a moment ago
        fleet.installed.user("admin").call("PATCH", LEASE_PATH, changed, content_type=merge)


DISTURBANCES: tuple[Callable[[Formation], None], ...] = (
    stopped_past_its_lease,
    stopped_past_its_claims,
    killed,
    cut_off,
    cut_off_for_a_moment,
    lease_deleted,
    lease_taken,
    lease_given_to_a_follower,
    lease_edited,
)


def disturbed(
    fleet: Formation, observer: Observer, order: list[Callable[[Formation], None]]
) -> tuple[Counter[str], list[str]]:
    """One formation through all of it: what was counted, and what did not hold."""
    counted: Counter[str] = Counter()
    wrong: list[str] = []
    try:
        for disturbance in order:
            disturbance(fleet)
            counted[f"disturbance: {disturbance.__name__.replace('_', ' ')}"] += 1
        counted["longest wait for everything to end, seconds"] = round(fleet.rest())
    except Stuck as why:
        wrong.append(f"stuck: {why}")
    asked = operations(fleet.installed.cp.audit_log, fleet.tenant.namespace)
    history, found = fleet.broken(observer, moments(asked))
    _, unexplained = refused(asked)
    unseen = [lie for lie, told in doctored(asked) if not refused(told)[1]]
    effects = fleet.effects()
    undos = fleet.undos()
    claims = [one for _, commits in history.of("Compensation") for one in commits]
    counted["undos"] = len(undos)
    counted["undos completed"] = sum(one["status"]["phase"] == "Completed" for one in undos)
    counted["commits read from etcd"] = len(history.changes)
    counted["attempts claimed"] = sum(
        one.now.get("attempts", 0) > one.was.get("attempts", 0) for one in claims
    )
    counted["requests that reached the target"] = len(effects)
    counted["effects"] = sum(one.applied for one in effects)
    counted["operator processes"] = sum(len(one.lives) for one in fleet.replicas)
    counted["operators that ended because they lost the Lease"] = sum(
        one.exits().count(3) for one in fleet.replicas
    )
    counted["histories checked for linearizability"] = len({one["key"] for one in asked})
    counted["operations in them"] = len(asked)
    return counted, [
        *wrong,
        *found,
        *(f"not linearizable: {described(asked, one)}" for one in unexplained),
        *(f"the linearizability check does not see that {one}" for one in unseen),
    ]


Seed = Annotated[int | None, typer.Option(help="Repeats an order; default: a new one.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each formation goes through it all.")]


def command(seed: Seed = None, rounds: Rounds = 1) -> Figures:
    """Two and three replicas: stopped, killed, cut off, wrong clocks, a Lease that moves."""
    chosen = seed_of(seed)
    dice = random.Random(chosen)
    began = time.monotonic()
    numbers: Counter[str] = Counter()
    longest = "longest wait for everything to end, seconds"
    wrong: list[str] = []
    folder = folder_for("fleet")
    with (
        ControlPlane.start(audit_policy=AUDITED) as cp,
        Observer(cp.etcd_endpoint) as observer,
    ):
        installed = Installed(cp, installation.install(cp))
        for skews in FORMATIONS * rounds:
            order = [*DISTURBANCES]
            dice.shuffle(order)
            with formation(installed, folder, skews, dice) as fleet:
                counted, found = disturbed(fleet, observer, order)
                wait = max(numbers.pop(longest, 0), counted.pop(longest, 0))
                numbers.update({**counted, longest: wait, "formations": 1})
                wrong += [f"clocks {skews}: {one}" for one in found]
        installed.close()
    return Figures(
        "fleet",
        f"fleet --seed {chosen} --rounds {rounds}",
        chosen,
        time.monotonic() - began,
        sorted(numbers.items()),
        wrong,
        folder,
    )
