"""The Actions of one idempotency key: claimed before sending, reported on afterwards.

Their names can be computed: stem, stem-2, stem-3 … The first that is free or still open is taken.
Every step begins by reading, and writes by compare-and-swap, so a step whose answer was lost is
simply done again.
"""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amends.api import GROUP, VERSION
from amends.api.action import Action, ActionOutcome, ActionPhase, ActionSpec
from amends.client.errors import WrongField
from amends.core.actions.words import classify
from amends.kube.connection import Connection
from amends.ports import Gone, Raw, Rejected

CLAIMED_BY = f"{GROUP}/claimed-by"
"""Annotation: which process holds the claim; by it, it knows its own, and people whom to ask."""

JSON_PATCH = "application/json-patch+json"
REPORTED = frozenset({"outcome", "error", "receipt", "compensation"})
"""What is written afterwards. The rest of spec stays as it is then, whoever wrote it."""
KEPT = frozenset({"requester", "compensation"})
"""What stays of an earlier attempt that is taken over, unless it is said anew: who asked, and how
to undo what that attempt may have done."""

_FINAL = (ActionOutcome.SUCCEEDED, ActionOutcome.FAILED)


@dataclass(frozen=True)
class Claim:
    """One Action that is ours. earlier: what was known under its key before."""

    number: int
    name: str
    attempt: int
    earlier: ActionOutcome | None


@dataclass
class Ledger:
    """What is on record under one key in one namespace."""

    connection: Connection
    namespace: str
    stem: str
    holder: str
    _earlier: ActionOutcome | None = field(default=None, init=False)

    def name(self, number: int) -> str:
        """The name of the n-th Action of the key."""
        return self.stem if number == 1 else f"{self.stem}-{number}"

    async def claim(self, spec: ActionSpec) -> Claim:
        """Record it in the first Action that is free or still open; one more attempt in any case.

        Raises:
            Fault: by who must act next.
            WrongField: the name or the key is that of something else.
        """
        highest = 0
        for number in itertools.count(1):
            name = self.name(number)
            before = await self._get(name)
            if before is None:
                await self._create(name, _with_attempt(spec, highest + 1))
                return Claim(number, name, highest + 1, self._earlier)
            _refuse_another(before, spec)
            mine, attempt = self._is_mine(before), before["spec"].get("attempt", 1)
            if mine and _says(before, spec.wire()):  # only the answer to our write was lost
                return Claim(number, name, attempt, self._earlier)
            if not mine:
                highest, self._earlier = max(highest, attempt), _outcome(before)
            if _is_open(before):
                attempt = attempt if mine else highest + 1
                await self._take_over(before, _with_attempt(spec, attempt))
                return Claim(number, name, attempt, self._earlier)
        raise AssertionError  # itertools.count has no end

    async def report(self, claim: Claim, spec: ActionSpec) -> str:
        """Record the outcome, in the claimed Action if it is still ours and open; its name.

        Somebody else may have taken the claim over, or reported in our stead. Then theirs stays as
        it is, and ours becomes a later Action of the same key.

        Raises:
            Fault: by who must act next.
        """
        content = _with_attempt(spec, claim.attempt)
        reported = {name: value for name, value in content.items() if name in REPORTED}
        for number in itertools.count(claim.number):
            name = self.name(number)
            before = await self._get(name)
            if before is None:
                await self._create(name, content)
                return name
            if self._is_mine(before):
                if _says(before, content):
                    return name
                if before.get("status", {}).get("phase") != ActionPhase.RECORDED:
                    await self._replace(before, {**_without_outcome(before["spec"]), **reported})
                    return name
        raise AssertionError  # itertools.count has no end

    async def _get(self, name: str) -> Raw | None:
        try:
            found: Raw = await self.connection.call("GET", self._path(name))
        except Gone:  # the name is free, or nothing of ours is served: the create will say
            return None
        return found

    async def _create(self, name: str, spec: Mapping[str, Any]) -> None:
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Action",
            "metadata": {"name": name, "annotations": {CLAIMED_BY: self.holder}},
        }

        async def create(spec: Mapping[str, Any]) -> None:
            await self.connection.call(
                "POST", self._path(), query=_STRICT, body={**body, "spec": spec}
            )

        await self._signed(spec, create)

    async def _take_over(self, before: Raw, spec: Mapping[str, Any]) -> None:
        kept = {name: value for name, value in before["spec"].items() if name in KEPT}
        await self._replace(before, {**kept, **spec})

    async def _replace(self, before: Raw, spec: Mapping[str, Any]) -> None:
        """A JSON patch, because a merge patch cannot write the nulls that an input may hold."""
        meta = before["metadata"]
        claimed = {**meta.get("annotations", {}), CLAIMED_BY: self.holder}

        async def patch(spec: Mapping[str, Any]) -> None:
            await self.connection.call(
                "PATCH",
                self._path(meta["name"]),
                query=_STRICT,
                body=[
                    # The server takes it as a precondition: 409 if anybody wrote since.
                    _put("/metadata/resourceVersion", meta["resourceVersion"]),
                    _put("/metadata/annotations", claimed),
                    _put("/spec", spec),
                ],
                content_type=JSON_PATCH,
            )

        await self._signed(spec, patch)

    async def _signed(
        self, spec: Mapping[str, Any], write: Callable[[Mapping[str, Any]], Awaitable[None]]
    ) -> None:
        """Write it, and in our own name if the server asks for that: it stamps from 1.36 on."""
        try:
            await write(spec)
        except Rejected as why:
            if _OWN_NAME not in (why.answer or ""):
                raise
            await write({**spec, "requester": await self._ourselves()})

    async def _ourselves(self) -> Raw:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        answer = await self.connection.call("POST", path, body=review)
        found = answer["status"]["userInfo"]
        return {name: found[name] for name in ("username", "uid", "groups") if name in found}

    def _is_mine(self, raw: Raw) -> bool:
        return bool(raw["metadata"].get("annotations", {}).get(CLAIMED_BY) == self.holder)

    def _path(self, name: str | None = None) -> str:
        item = f"/{name}" if name is not None else ""
        plural = Action.SERVED.plural
        return f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{plural}{item}"


_STRICT = {"fieldValidation": "Strict"}
"""A cluster with an older CRD refuses what it does not know, instead of dropping it silently."""


_OWN_NAME = "spec.requester.username"
"""What the policy that proves the requester speaks of where nothing stamps it."""


def _put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}  # `add` replaces what is there


def _with_attempt(spec: ActionSpec, attempt: int) -> dict[str, Any]:
    return spec.model_copy(update={"attempt": attempt}).wire()


def _without_outcome(spec: Raw) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in REPORTED - KEPT}


def _outcome(raw: Raw) -> ActionOutcome:
    return classify(raw["spec"].get("outcome", ""), raw["spec"].get("error"))


def _is_open(raw: Raw) -> bool:
    """Whether nobody has said yet what came of it. A final outcome that the operator has not seen
    yet is not open: to write over it would lose it."""
    recorded = raw.get("status", {}).get("phase") == ActionPhase.RECORDED
    return not recorded and _outcome(raw) not in _FINAL


def _says(raw: Raw, spec: Mapping[str, Any]) -> bool:
    return all(raw["spec"].get(name) == spec.get(name) for name in ("outcome", "error"))


def _refuse_another(raw: Raw, spec: ActionSpec) -> None:
    """One key is one effect: what is on record must be an earlier attempt at the same."""
    name, on_record = raw["metadata"]["name"], raw["spec"]
    if (key := on_record.get("idempotencyKey")) != spec.idempotency_key:
        raise WrongField(
            f"name is that of Action {name} with idempotency_key {key!r}, not "
            f"{spec.idempotency_key!r}: choose another name, or leave it out"
        )
    if on_record["operation"] != spec.operation:
        raise WrongField(
            f"idempotency_key {key!r} is that of operation {on_record['operation']!r} (Action "
            f"{name}), not of {spec.operation!r}: one key is one effect, so give this one a key of "
            "its own"
        )
