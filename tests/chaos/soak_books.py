"""The books are balanced: what was asked for, what is stored, and what the target says it did.

Lost: something asked for is not in its end, an effect has no Receipt, or a Receipt no effect.
Double: the target did something twice under one key, or twice for one claim. Stuck: something that
the operator has to do has not been done, long after everything that disturbed it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from amends.core.machines import PHASE_MACHINES
from amends.ports import Raw
from chaos.effects import out_of_order
from chaos.etcd_history import History
from chaos.soak_tales import People, Tale
from chaos.soak_target import Target

KINDS = (
    *("Action", "Compensation", "DeadLetter"),
    *("Approval", "Disposition", "Attestation", "Receipt"),
)


@dataclass
class Books:
    """Everything of ours in the namespaces of the tales, when all has come to rest."""

    tales: Sequence[Tale]
    target: Target
    objects: Mapping[str, Sequence[Raw]]
    by_name: Mapping[tuple[str, str, str], Raw] = field(init=False)
    proofs: Mapping[str, Sequence[Raw]] = field(init=False)
    """The Receipts that say that it was done, by the uid of their subject."""

    def __post_init__(self) -> None:
        self.by_name = {
            (kind, raw["metadata"]["namespace"], raw["metadata"]["name"]): raw
            for kind, every in self.objects.items()
            for raw in every
        }
        proofs = defaultdict(list)
        for receipt in self.objects["Receipt"]:
            if receipt["spec"]["outcome"] == "Succeeded":
                proofs[receipt["spec"]["subject"]["uid"]].append(receipt)
        self.proofs = proofs

    def lost(self) -> list[str]:
        """A sentence for everything that is."""
        return [*self._not_in_their_ends(), *self._effects_without_proof(), *self._proof_of_none()]

    def _not_in_their_ends(self) -> Iterator[str]:
        for tale in self.tales:
            kind, name = tale.subject
            raw = self.by_name.get((kind, tale.namespace, name))
            where = f"{tale.namespace}/{name} ({tale.plot.name})"
            if raw is None:
                yield f"{where}: there is no {kind} of it"
                continue
            phase, key = raw["status"].get("phase"), _key(raw)
            if is_exhausted(raw):
                if self.target.applied[key]:
                    yield f"{where}: it was given up, and the target has done it"
                continue
            proved = len(self.proofs[raw["metadata"]["uid"]])
            wanted = int(tale.plot.ends != "Cancelled")
            done = (phase, min(self.target.applied[key], 1), min(proved, 1))
            if done != (tale.plot.ends, tale.plot.effects, wanted):
                yield (
                    f"{where}: it is {phase} with {self.target.applied[key]} effects and "
                    f"{proved} Receipts, and should be {tale.plot.ends} with {tale.plot.effects}"
                )

    def _effects_without_proof(self) -> Iterator[str]:
        proved = {
            key
            for kind in ("Compensation", "DeadLetter")
            for raw in self.objects[kind]
            if (key := _key(raw)) and self.proofs[raw["metadata"]["uid"]]
        }
        for key in self.target.applied.keys() - proved:
            yield f"the target has done {key}, and there is no Receipt"

    def _proof_of_none(self) -> Iterator[str]:
        http = {tale.subject: tale for tale in self.tales if tale.plot.does == "http"}
        for kind in ("Compensation", "DeadLetter"):
            for raw in self.objects[kind]:
                name = raw["metadata"]["name"]
                proved = self.proofs[raw["metadata"]["uid"]]
                if (kind, name) in http and proved and not self.target.applied[_key(raw)]:
                    yield f"{name} has a Receipt, and the target has done nothing"

    def double(self, history: History) -> list[str]:
        """A sentence for everything that is."""
        return [
            *(
                f"the target has done {key} {times} times"
                for key, times in self.target.applied.items()
                if times > 1
            ),
            *out_of_order(history, self.target.arrived),
        ]

    def stuck(self) -> list[str]:
        """A sentence for everything that is."""
        return [
            *(
                f"{tale.namespace}/{tale.name} ({tale.plot.name}) has not come to its end"
                for tale in self.tales
                if not tale.over
            ),
            *(
                f"{raw['metadata']['namespace']}/{raw['metadata']['name']}, {kind}, is "
                f"{raw['status'].get('phase', 'not settled')}: {_ready(raw)}"
                for kind, every in self.objects.items()
                for raw in every
                if not is_at_rest(kind, raw)
            ),
        ]

    def exhausted(self) -> int:
        """How many retries were given up after five dispatches, as they have to be."""
        return sum(map(is_exhausted, self.objects["DeadLetter"]))


def is_at_rest(kind: str, raw: Raw) -> bool:
    """Whether nothing more has to happen to it."""
    status = raw.get("status", {})
    match kind:
        case "Receipt":
            return True
        case "Action":
            return bool(status.get("phase") == "Recorded")
        case "Compensation":
            return status["phase"] in PHASE_MACHINES[kind].terminal
        case _:
            return bool(status.get("settled"))


def is_exhausted(raw: Raw) -> bool:
    """Whether it is a retry that was given up."""
    return bool(raw["status"].get("disposition", {}).get("choice") == "retry_exhausted")


async def balanced(people: People, tales: Sequence[Tale], namespaces: Sequence[str]) -> Books:
    """As everything is stored now."""
    objects = {
        kind: [raw for one in namespaces for raw in await people.every(one, kind)] for kind in KINDS
    }
    return Books(tales, people.target, objects)


def _key(raw: Raw) -> str:
    return str((raw["status"].get("outbox") or {}).get("idempotencyKey", ""))


def _ready(raw: Raw) -> str:
    found = (one for one in raw["status"].get("conditions", ()) if one["type"] == "Ready")
    return next((f"{one['reason']}, {one['message']}" for one in found), "no condition")
