"""The misoperations campaign: thousands of wrong and right edits, in every phase, by everybody.

Acto's three oracles judge them: nothing wrong is accepted silently, a good state is recovered,
and nothing is stuck. Judged are also etcd's history and the operator's own log.
"""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import installation
from chaos.edit_births import Births, annotated, bases
from chaos.edit_courses import Course
from chaos.edit_ground import Ground, Verdict
from chaos.edit_oracles import STATEMENTS
from chaos.edit_rest import CLAIM, describe, says
from chaos.edit_schema import Raw
from chaos.edit_stations import STATIONS, Station
from chaos.etcd_history import Change, History, Observer
from chaos.figures import Figures, folder_for, seed_of
from chaos.history_invariants import broken, nothing_begins_unapproved
from controlplane import ControlPlane
from installation import RunningOperator
from integration.cluster import PLURALS, Refused
from support import forked
from support.target import Target
from support.tenant import Installed
from waiting import wait_for

SIDE_BY_SIDE = 8
A_SECOND = 12
"""Commits of one object within a second; more is a hot loop."""
LAG = 0.5
"""Seconds by which the observer may see an edit before or after its author had the answer."""
FAILURES = 8
"""Failures in a row to look at one object; more is a retry loop."""
QUIET = 3.0
Job = Callable[[], list[Verdict]]


@dataclass(frozen=True)
class Found:
    """Everything that was tried, and everything that did not hold of it all together."""

    verdicts: Sequence[Verdict]
    broken: Sequence[str]
    commits: int = 0
    busiest: int = 0
    warnings: int = 0


@contextmanager
def grounds(installed: Installed, folder: Path) -> Iterator[tuple[Ground, RunningOperator]]:
    """An operator at work, and a target that records effects."""
    target = Target()
    arguments = ("--allow-target", target.origin, "--claim-seconds", f"{CLAIM:g}")
    log = folder / "operator.log"
    try:
        with forked.running_operator(installed.kubeconfig, log, arguments) as operator:
            yield Ground(installed, target), operator
    finally:
        target.stop()


def played(
    ground: Ground,
    operator: RunningOperator,
    observer: Observer,
    jobs: Sequence[Job],
    stations: Sequence[Station],
) -> Found:
    """Undisturbed first, then every job; and then what holds of it all."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        calm = [*pool.map(lambda one: _undisturbed(ground, one), stations)]
        ended = [*pool.map(_run, jobs)]
    verdicts = [one for told, _ in ended for one in told]
    wrong = [why for why in (*calm, *(why for _, why in ended)) if why]
    wrong += [*_at_rest(ground, observer), *_alive(operator)]
    history = _of(ground, observer)
    loops, busiest = _busiest(history, ground.edited_at)
    untouched = History([one for one in history.changes if not _is_forged(one, ground)])
    wrong += [*loops, *dict.fromkeys((*broken(untouched), *_unapproved(history)))]
    warnings, retries = _log_of(operator)
    return Found(verdicts, [*wrong, *retries], len(history.changes), busiest, warnings)


def _of(ground: Ground, observer: Observer) -> History:
    """What happened in the namespaces of this campaign."""
    ours = ground.namespaces
    changes = observer.history().changes
    return History([one for one in changes if one.object["metadata"]["namespace"] in ours])


def _is_forged(change: Change, ground: Ground) -> bool:
    """Whether its ledger is not the operator's own. Of a statement only the spec counts."""
    return change.uid in ground.tampered and change.kind not in STATEMENTS


def _undisturbed(ground: Ground, station: Station) -> str:
    """What an object of this station comes to that nobody edits; what is wrong if to nothing."""
    try:
        end = Course(ground, station, 0, random.Random()).undisturbed()
    except (AssertionError, TimeoutError, Refused) as why:
        return f"has no end although nobody edits it: {why}"[:2000]
    ground.baselines[str(station)] = end
    return ""


def _run(job: Job) -> tuple[list[Verdict], str]:
    """What came of it; or that it did not come to its end, which is a finding of its own."""
    try:
        return job(), ""
    except (AssertionError, TimeoutError, Refused) as why:
        return [], f"could not be played to its end: {why}"[:2000]


def _unapproved(history: History) -> Iterator[str]:
    return (f"nothing_begins_unapproved: {why}" for why in nothing_begins_unapproved(history))


def _at_rest(ground: Ground, observer: Observer) -> Iterator[str]:
    """Oracle three: nothing moves, and everything says how it stands or what it waits for."""

    def quiet() -> bool:
        changes = _of(ground, observer).changes
        return time.monotonic() - changes[-1].at > QUIET

    try:
        wait_for(quiet, seconds=60, what="everything to be at rest")
    except TimeoutError as why:
        yield str(why)
    admin = ground.installed.user("admin")
    for kind in PLURALS:
        if kind == "Receipt":
            continue
        for one in admin.call("GET", f"/apis/amends.dev/v1alpha1/{PLURALS[kind]}")["items"]:
            meta = one["metadata"]
            ours = meta["namespace"] in ground.namespaces and meta["uid"] not in ground.tampered
            if ours and not says(one):
                yield f"{kind} {meta['name']} does not say how it stands: {describe(one)}"


def _alive(operator: RunningOperator) -> Iterator[str]:
    if (status := operator.process.poll()) is not None:
        yield f"the operator ended with {status}: {operator.tail()}"


def _busiest(history: History, edits: Mapping[str, Sequence[float]]) -> tuple[list[str], int]:
    """Objects that were written again and again, and the most within a second of any.

    edits: when they were edited, by uid; that is not counted, nor is one answer to each.
    """
    commits: defaultdict[str, list[Change]] = defaultdict(list)
    for change in history.changes:
        commits[change.uid].append(change)
    most = {
        uid: max(_within([one.at for one in made], edits.get(uid, ())))
        for uid, made in commits.items()
    }
    loops = [
        f"hot loop: {number} commits of {commits[uid][0].key} within a second:\n"
        + "\n".join(map(_told, commits[uid]))
        for uid, number in most.items()
        if number > A_SECOND
    ]
    return loops, max(most.values(), default=0)


def _told(commit: Change) -> str:
    """When it was seen, what of it was written, and where the object stood then."""
    fields = commit.object["metadata"].get("managedFields", [])
    last: Raw = max(fields, key=lambda one: str(one.get("time")), default={})
    return f"  {commit.at:.3f} {last.get('subresource', 'spec')}: {describe(commit.object)}"


def _within(times: Sequence[float], edits: Sequence[float]) -> Iterator[int]:
    first = 0
    for number, at in enumerate(times):
        while times[first] < at - 1:
            first += 1
        ours = sum(times[first] - LAG <= edit <= at + LAG for edit in edits)
        yield number - first + 1 - 2 * ours


def _log_of(operator: RunningOperator) -> tuple[int, list[str]]:
    """How often a look failed; and what failed by a bug, or again and again."""
    lines = [json.loads(line) for line in operator.log.read_text().splitlines() if line[:1] == "{"]
    failed = [one for one in lines if one.get("event") == "will look again"]
    wrong = {
        one[
            "object"
        ]: f"the operator could not look at {one['object']}, {one['failures']} times in "
        f"a row: {one['why']} {str(one.get('exception', ''))[-600:]}"
        for one in failed
        if "exception" in one or one["failures"] > FAILURES
    }
    return len(failed), [*wrong.values()]


def jobs_for(ground: Ground, edits: int, dice: random.Random, only: str) -> list[Job]:
    """About so many edits: of every station as many, and as many of what is created."""
    stations = list(STATIONS)
    born = [*bases()]
    share = max(1, edits // (len(stations) + len(born)))
    courses = [
        Course(ground, one, part, random.Random(dice.random()), only)
        for one in stations
        for part in _parts(share)
    ]
    births = [
        Births(ground, *base, part, random.Random(dice.random()), only)
        for base in born
        for part in _parts(share)
    ]
    jobs: list[Job] = [*(one.run for one in courses), *(one.run for one in births)]
    dice.shuffle(jobs)
    return [*jobs, lambda: annotated(ground, only)]


def _parts(share: int, most: int = 25) -> list[int]:
    """Of one object not too many, so that a finding is soon reproduced."""
    return [len(range(start, min(start + most, share))) for start in range(0, share, most)]


Seed = Annotated[int | None, typer.Option(help="Repeats the same edits; default: a new one.")]
Edits = Annotated[int, typer.Option(min=1, help="How many edits, about.")]
Only = Annotated[str, typer.Option(help="Part of an edit as it is printed, such as spec.retry.")]


def command(seed: Seed = None, edits: Edits = 2400, only: Only = "") -> Figures:
    """Fields deleted, of the wrong type, out of bounds, unknown: in every phase, by everybody."""
    chosen, began = seed_of(seed), time.monotonic()
    dice = random.Random(chosen)
    folder = folder_for("misoperations")
    with ControlPlane.start() as cp, Observer(cp.etcd_endpoint) as observer:
        installed = Installed(cp, installation.install(cp))
        with grounds(installed, folder) as (ground, operator):
            jobs = jobs_for(ground, edits, dice, only)
            found = played(ground, operator, observer, jobs, STATIONS)
        installed.close()
    words = [
        "misoperations",
        f"--seed {chosen}",
        f"--edits {edits}",
        *([f'--only "{only}"'] * bool(only)),
    ]
    wrong = [str(one) for one in found.verdicts if one.finding]
    return Figures(
        "misoperations",
        " ".join(words),
        chosen,
        time.monotonic() - began,
        numbers(found),
        [*wrong, *found.broken],
        folder,
    )


def numbers(found: Found) -> list[tuple[str, float]]:
    """Per kind and phase, per sort of edit and per result."""
    tried = {id(one.edit): one for one in reversed(found.verdicts)}.values()
    results = Counter(one.result for one in tried)
    sorts = Counter((one.edit.sort, one.result == "refused") for one in tried)
    stations = Counter((one.station, one.result == "refused") for one in tried)
    return [
        ("edits", len(tried)),
        *((f"edits: {result}", number) for result, number in sorted(results.items())),
        *_split(sorts),
        *_split(stations),
        ("commits in etcd", found.commits),
        ("commits of one object within a second, at most", found.busiest),
        ("looks that failed and were repeated", found.warnings),
    ]


def _split(counted: Counter[tuple[str, bool]]) -> Iterator[tuple[str, float]]:
    for name in sorted({name for name, _ in counted}):
        total = counted[name, True] + counted[name, False]
        yield f"{name}: refused, of {total}", counted[name, True]
