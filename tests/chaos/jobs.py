"""The campaign of a thousand Jobs: one operator, many undos by Job, and whatever befalls a pod.

The pods are those of a fake node (hack/controlplane/fakenode.py): the API server, the Job
controller, the scheduler and the operator are real, and nothing runs. Pods end with 0, with a code
that means NotApplied, with one that nothing names, out of memory; they are deleted, evicted and
never scheduled. Beside them somebody asks for an undo that is only recorded, once a second: it
shows whether many Jobs hold up what has nothing to do with them.
"""

import random
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

import installation
from amends.executors.job.manifest import ATTEMPT_KEY
from amends.ports import Raw
from bench import machine
from chaos.etcd_history import Change, History, Observer
from chaos.figures import Figures, Numbers, folder_for, seed_of
from chaos.history_invariants import broken, claims_in
from chaos.job_crowd import PATIENT, UNDO, Crowd, Undos, key_of
from chaos.job_fates import of_each
from controlplane import ControlPlane
from support import forked
from support.audit import Asked, AuditLog
from support.tenant import Installed, Tenant

KINDS_OF_REQUESTS = 12
"""How many kinds of requests are named; the rest are counted together."""


@dataclass(frozen=True)
class Found:
    """What was counted and measured, and what did not hold."""

    numbers: Numbers
    broken: list[str]


def played(crowd: Crowd, count: int, dice: random.Random) -> Found:
    """So many undos by Job, from their approval to the last one's end."""
    fates = of_each(count)
    dice.shuffle(fates)
    undos = crowd.ask(fates, dice)
    audit = AuditLog(crowd.installed)
    pid = crowd.operator.process.pid
    idle, _ = machine.memory(pid)
    used, began = machine.cpu_seconds(pid), time.monotonic()
    crowd.approve()
    crowd.live(undos)
    used = machine.cpu_seconds(pid) - used
    now, peak = machine.memory(pid)
    history, asked = crowd.history(), audit.everything()
    ends = [commits[-1].at for _, commits in history.of(UNDO)]
    seconds = max(ends) - began
    attempts = _attempts(history)
    return Found(
        [
            ("undos by Job", count),
            ("attempts, each with one Job", len(attempts)),
            ("pods deleted or evicted while they ran", len(crowd.disturbed)),
            *_ends(undos),
            ("seconds from the first approval to the last end", round(seconds, 1)),
            ("undos in a second", round(count / seconds, 1)),
            *_requests(asked, len(attempts)),
            ("the operator's memory before, MiB", round(idle)),
            ("the operator's memory at its highest, MiB", round(peak)),
            ("the operator's memory after, MiB", round(now)),
            ("the operator's processor time for an undo, ms", round(used * 1000 / count, 1)),
            *_beside(crowd, began),
        ],
        [*broken(history), *_faults(crowd, undos), *_jobs(crowd.tenants, attempts, asked)],
    )


def _attempts(history: History) -> list[tuple[str, str]]:
    """Every attempt that was claimed: its namespace and key."""
    return [
        (one.after["metadata"]["namespace"], one.now["outbox"]["attemptKey"])
        for _, commits in history.of(UNDO)
        for one in claims_in(commits)
    ]


def _ends(undos: Undos) -> Numbers:
    return [
        (f"undos whose pod {name}", number)
        for name, number in Counter(one.name for one in undos.values()).items()
    ]


def _faults(crowd: Crowd, undos: Undos) -> Iterator[str]:
    """Each undo has come to the end that its pod's fate asks for, with its one Receipt or none."""
    for tenant in crowd.tenants:
        receipts: dict[str, list[Raw]] = {}
        for one in tenant.every("Receipt"):
            receipts.setdefault(one["spec"]["subject"]["name"], []).append(one)
        for undo in tenant.every(UNDO):
            key, fate = key_of(undo), undos[key_of(undo)]
            for why in fate.faults(undo, receipts.get(key[1], [])):
                yield f"{'/'.join(key)}, whose pod {fate.name}: {why}"


def _jobs(
    tenants: Iterable[Tenant], attempts: Sequence[tuple[str, str]], asked: Iterable[Asked]
) -> Iterator[str]:
    """There is one Job for each attempt, and never was another; each had one pod.

    Of an attempt whose time is over the operator deletes the Job, unless the Job controller was
    faster and has ended it: then it stays.
    """
    jobs: Counter[tuple[str, str]] = Counter()
    for tenant in tenants:
        path = f"/apis/batch/v1/namespaces/{tenant.namespace}/jobs"
        for job in tenant.installed.user("admin").call("GET", path)["items"]:
            meta, status = job["metadata"], job["status"]
            if "deletionTimestamp" in meta:
                continue
            jobs[meta["namespace"], meta["annotations"][ATTEMPT_KEY]] += 1
            if (pods := status.get("succeeded", 0) + status.get("failed", 0)) != 1:
                yield f"Job {meta['namespace']}/{meta['name']} had {pods} pods: {status}"
    done = [one for one in asked if one.resource == "jobs" and one.code < 300]
    created = sum(one.verb == "create" for one in done)
    deleted = {(one.namespace, one.name) for one in done if one.verb == "delete"}
    if others := jobs - Counter(attempts):
        yield f"there are Jobs of no attempt: {others}"
    missing = Counter(attempts) - jobs
    if missing.total() != len(deleted):
        yield f"the Jobs of {missing} are missing, and the operator has deleted {deleted}"
    if created != len(attempts):
        yield f"{created} Jobs were created for {len(attempts)} attempts"


def _requests(asked: Sequence[Asked], attempts: int) -> Numbers:
    """What the operator asked of the API server."""
    seconds = Counter(one.received[:19] for one in asked)
    first, last = (datetime.fromisoformat(one.received) for one in (asked[0], asked[-1]))
    took = (last - first).total_seconds()
    kinds = Counter(f"{one.verb} {one.resource}" for one in asked).most_common()
    named, rest = kinds[:KINDS_OF_REQUESTS], kinds[KINDS_OF_REQUESTS:]
    return [
        ("requests to the API server", len(asked)),
        ("requests for an attempt", round(len(asked) / attempts, 1)),
        ("requests in a second: mean", round(len(asked) / took, 1)),
        ("requests in a second: most", max(seconds.values())),
        *_refused(asked),
        *((f"requests: {kind}", number) for kind, number in named),
        ("requests: all others", sum(number for _, number in rest)),
    ]


def _refused(asked: Iterable[Asked]) -> Numbers:
    counted = Counter(f"{one.code} {one.verb} {one.resource}" for one in asked if one.code >= 400)
    return [(f"requests refused: {kind}", number) for kind, number in counted.most_common()]


def _beside(crowd: Crowd, since: float) -> Numbers:
    """How long the bystander's undos took that were asked for since."""
    history = crowd.observer.history().within(crowd.bystander.namespace)
    lives = [commits for _, commits in history.of(UNDO) if commits[0].at > since]
    took = [done.at - one[0].at for one in lives if (done := _done(one)) is not None]
    return [
        ("undos beside them, that are only recorded", len(lives)),
        ("not done when all else was", len(lives) - len(took)),
        ("seconds from asking to done: median", round(statistics.median(took), 2)),
        ("seconds from asking to done: longest", round(max(took), 2)),
    ]


def _done(commits: Iterable[Change]) -> Change | None:
    return next((one for one in commits if one.now.get("phase") == "Completed"), None)


Seed = Annotated[int | None, typer.Option(help="Repeats the same undos; default: new ones.")]
Count = Annotated[int, typer.Option(min=50, help="How many undos by Job.")]
Namespaces = Annotated[int, typer.Option(min=1, help="Over how many tenants.")]


def command(seed: Seed = None, count: Count = 1000, namespaces: Namespaces = 4) -> Figures:
    """A thousand undos by Job on a fake node: pods that end in every way, or are taken away."""
    chosen, began = seed_of(seed), time.monotonic()
    folder = folder_for("jobs")
    with ControlPlane.start(fake_node=True) as cp, Observer(cp.etcd_endpoint) as observer:
        installed = Installed(cp, installation.install(cp))
        log = folder / "operator.log"
        with forked.running_operator(installed.kubeconfig, log, PATIENT) as operator:
            crowd = Crowd.of(installed, operator, observer, namespaces)
            found = played(crowd, count, random.Random(chosen))
        installed.close()
    return Figures(
        "jobs",
        f"jobs --seed {chosen} --count {count} --namespaces {namespaces}",
        chosen,
        time.monotonic() - began,
        found.numbers,
        found.broken,
        folder,
    )
