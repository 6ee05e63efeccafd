"""What really reached the target, held against the claims that stood in etcd at that moment."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from chaos.etcd_history import Change, History
from chaos.history_invariants import WORKED_ON, entry_of

LAG = 0.5
"""Seconds by which the observer may see a commit after whoever wrote it has had its answer."""


@dataclass(frozen=True)
class Effect:
    """A request that the target carried out, or saw to be a repeat.

    at: when it arrived, by the observer's monotonic clock. by: the operator that sent it, as its
    claims name it; None: not known. applied: it has changed something.
    """

    key: str
    at: float
    applied: bool
    by: str | None = None


def out_of_order(history: History, effects: Iterable[Effect]) -> Iterator[str]:
    """A sentence for each effect without a live claim of its sender, or beside another one."""
    keyed: defaultdict[str, list[Sequence[Change]]] = defaultdict(list)
    for _, commits in history.of(*WORKED_ON):
        for key in {entry_of(one.now).get("idempotencyKey") for one in commits} - {None}:
            keyed[str(key)].append(commits)
    under: Counter[tuple[str, str]] = Counter()
    for effect in effects:
        lives = keyed[effect.key]
        claim = next((c for life in lives if (c := _claim_of(effect, life)) is not None), None)
        if claim is None:
            yield _orphan(effect, lives[-1] if lives else ())
        elif effect.applied:
            under[claim.key, entry_of(claim.now)["attemptKey"]] += 1
    for (_, attempt), times in under.items():
        if times > 1:
            yield f"two effects for one claim: {times} under {attempt}"


def _claim_of(effect: Effect, commits: Sequence[Change]) -> Change | None:
    """The commit after which the claim stood under which it was sent."""
    ends = [one.at for one in commits[1:]] + [float("inf")]
    for commit, end in zip(commits, ends, strict=True):
        entry = entry_of(commit.now)
        stood = commit.at - LAG <= effect.at <= end + LAG
        live = entry.get("phase") == "Claimed" and "outcome" not in entry
        if stood and live and effect.by in (None, entry["claimedBy"]):
            return commit
    return None


def _orphan(effect: Effect, commits: Sequence[Change]) -> str:
    before = [one for one in commits if one.at <= effect.at]
    entry = entry_of(before[-1].now) if before else {}
    return (
        f"an effect without a claim: {effect.key} by {effect.by}, when the object said "
        f"phase {entry.get('phase')}, claimed by {entry.get('claimedBy')}, "
        f"outcome {entry.get('outcome')}"
    )
