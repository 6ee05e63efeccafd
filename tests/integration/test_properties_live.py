"""Random people, a real operator that is killed, the real API server: what holds in the end.

A smaller sibling of the machine over the small world: the same invariants, read from the API server
and from the target's own count. `AMENDS_SEEDS` (for example `1,2,3`) makes it search elsewhere.
"""

import json
import os
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from amends.core.key import Key
from chaos import at_rest, invariants
from chaos.small_server import NAMESPACE, SmallServer, SmallTarget
from integration.cluster import PLURALS, Refused
from integration.letters import steps
from support import manifests
from support.api import Object
from support.manifests import unique
from support.target import APPLIED, LOST, LOST_WITHOUT_EFFECT, Answer, Route, Target, refused
from support.tenant import Installed, StartOperator, Tenant, condition
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.slow]

SEEDS = [int(seed) for seed in os.environ.get("AMENDS_SEEDS", "1,2").split(",")]
EFFECTS = 6
DEEDS = 60
QUIET = 3.0
"""Seconds without a write: longer than any claim or pause that is left at the end."""
SHORT = ("--claim-seconds", "2", "--lease-seconds", "3")
ANSWERS = (APPLIED, LOST, LOST_WITHOUT_EFFECT, refused(429), refused(422))


@dataclass
class Effect:
    """One effect: its key, and where it is sent again and undone."""

    key: str
    retried: Route
    undone: Route
    undo: Object
    action: Object


@dataclass
class Crowd:
    """People who do anything at any time, and take note of what must not be."""

    tenant: Tenant
    target: Target
    dice: random.Random
    effects: list[Effect] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """bob's automations fail."""
        for number in range(EFFECTS):
            self.effects.append(self._effect(f"run-a/post-{number}", honours_keys=number % 2 == 0))
            self.reports("failed", self.effects[-1])

    def _effect(self, key: str, *, honours_keys: bool) -> Effect:
        safety = "ProviderKey" if honours_keys else "None"
        routes = [
            self.target.route(*self._answers(kind, key), honours_keys=honours_keys)
            for kind in ("Compensation", "DeadLetter")
        ]
        retried, undone = (
            {"http": {"method": "POST", "url": route.url, "retrySafety": safety}}
            for route in routes
        )
        undo = {"execution": undone, "retry": {"maxAttempts": 2, "backoffSeconds": 1}}
        spec: Object = {"idempotencyKey": key, "error": "503", "retry": retried}
        if self.dice.random() < 0.5:
            spec["compensation"] = undo
        return Effect(key, routes[0], routes[1], undo, spec)

    def _answers(self, other: str, key: str) -> list[Answer]:
        """Each request sees to it that the other one is not under way: an undo, or a retry."""

        def look(_: object) -> None:
            phases = {"Compensation": "Running", "DeadLetter": "Retrying"}
            for one in self.tenant.every(other):
                about = one["spec"].get("targetEffect") or one["spec"]["effectId"]
                if about == self._effect_id(key) and one["status"]["phase"] == phases[other]:
                    self.wrong.append(f"a request for {about} beside {json.dumps(one['status'])}")

        made = [self.dice.choice(ANSWERS) for _ in range(self.dice.randrange(3))]
        last = self.dice.choice((APPLIED, APPLIED, refused(422)))
        return [
            Answer(one.status, one.body, one.headers, one.applies, one.lost, on_arrival=look)
            for one in (*made, last)
        ]

    def _effect_id(self, key: str) -> str:
        found = (
            one["status"]["effect"]["id"]
            for one in self.tenant.every("Action")
            if one["spec"]["idempotencyKey"] == key and "effect" in one["status"]
        )
        return str(next(found, ""))

    def does_anything(self) -> None:
        """One deed of one person; the API server may refuse it."""
        deeds = (self.disposes, self.decides, self.steers, self.reports_again)
        (deed,) = self.dice.choices(deeds, weights=(4, 3, 2, 1))
        with suppress(Refused):
            deed()

    def reports_again(self) -> None:
        outcome = self.dice.choice(("failed", "succeeded", "queued"))
        self.reports(outcome, self.dice.choice(self.effects))

    def reports(self, outcome: str, effect: Effect) -> None:
        spec = {**effect.action, "error": "503" if outcome == "failed" else None}
        given = {name: value for name, value in spec.items() if value is not None}
        self.tenant.create(manifests.action(unique("post"), outcome, **given))

    def disposes(self) -> None:
        letter = self._any("DeadLetter")
        if letter is None:
            return
        choices = ("Retry", "Retry", "Retry", "Compensate", "Ignore", "Reopen", "Resolve")
        choice, spec = self.dice.choice(choices), {}
        if choice == "Compensate" and self.dice.random() < 0.5:
            spec = {"compensation": self._failed(letter).undo}
        name = letter["metadata"]["name"]
        self.tenant.create(manifests.disposition(unique("says"), name, choice, **spec), "alice")

    def _failed(self, letter: Object) -> Effect:
        action = self.tenant.read("Action", letter["spec"]["actionRef"]["name"])
        (found,) = (one for one in self.effects if one.key == action["spec"]["idempotencyKey"])
        return found

    def decides(self) -> None:
        undo = self._any("Compensation")
        if undo is None or "planDigest" not in undo["status"]:
            return
        decision = self.dice.choice(("Approve", "Approve", "Approve", "Reject"))
        spec = {"planDigest": undo["status"]["planDigest"], "decision": decision}
        name = undo["metadata"]["name"]
        self.tenant.create(manifests.approval(unique("says"), name, **spec), "dora")

    def steers(self) -> None:
        undo = self._any("Compensation")
        if undo is None:
            return
        field, value = self.dice.choice((("suspend", True), ("suspend", False), ("cancel", True)))
        change: Object = {"spec": {field: value}}
        self.tenant.patch("Compensation", undo["metadata"]["name"], change)

    def _any(self, kind: str) -> Object | None:
        found = self.tenant.every(kind)
        return self.dice.choice(found) if found else None


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_people_do_the_invariants_hold_in_the_end(
    seed: int, installed: Installed, target: Target, start: StartOperator
) -> None:
    tenant = installed.tenant(unique("anything"))
    crowd = Crowd(tenant, target, random.Random(seed))
    with start(*SHORT) as first:
        crowd.begin()
        for _ in range(DEEDS // 2):
            crowd.does_anything()
        first.process.kill()
    with start(*SHORT):
        for _ in range(DEEDS // 2):
            crowd.does_anything()
        wait_until_quiet(tenant)
    found = snapshot(tenant)
    for effect in crowd.effects:
        no_dispatch_without_a_claim(effect, found)
    counted = Counter(
        key for effect in crowd.effects for key in (*effect.retried.effects, *effect.undone.effects)
    )
    for check in AT_THE_END:
        check(found, SmallTarget(honours_keys=False, effects=counted))
    every_disposition_is_one_step(found)
    assert crowd.wrong == []
    tenant.clear()


AT_THE_END: tuple[invariants.Check, ...] = (
    invariants.receipts_form_one_chain,
    invariants.receipts_are_evidence,
    *at_rest.AT_THE_END,
)


def wait_until_quiet(tenant: Tenant) -> None:
    """Nothing has been written for a while, and nothing is under way."""
    seen: dict[str, str] = {}
    moving: list[str] = []
    since = monotonic()

    def is_quiet() -> bool:
        nonlocal seen, since
        objects = [{**one, "kind": kind} for kind in PLURALS for one in tenant.every(kind)]
        versions = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in objects}
        moves = [
            f"{one['kind']} {one['metadata']['name']}: {condition(one)}"
            for one in objects
            if is_under_way(one) or seen.get(uid := one["metadata"]["uid"]) != versions[uid]
        ]
        if moves or versions != seen:
            seen, since, moving[:] = versions, monotonic(), moves
        return monotonic() - since > QUIET

    try:
        wait_for(is_quiet, seconds=90, what="nothing to happen any more")
    except TimeoutError as why:
        raise AssertionError("\n".join([str(why), *moving])) from why


def is_under_way(one: Object) -> bool:
    """Whether the operator is at it; a retry that waits for a suspended undo waits for people."""
    if not condition(one, "Reconciling") or "compensationRef" in one["status"]:
        return False
    reasons = ("RetryRequested", "Retrying", "Running", "Telling", "WaitingItsTurn")
    return condition(one).get("reason") in reasons


def snapshot(tenant: Tenant) -> SmallServer:
    """The namespace as the invariants read it."""
    server = SmallServer()
    for kind in PLURALS:
        for one in tenant.every(kind):
            server.objects[Key(kind, NAMESPACE, one["metadata"]["name"])] = {**one, "kind": kind}
    return server


def no_dispatch_without_a_claim(effect: Effect, found: SmallServer) -> None:
    """Row C4: one request at most for every dispatch and attempt on record, under its own key."""
    letters = [one for one in found.of("DeadLetter") if is_about(effect, one, found)]
    undos = [one for one in found.of("Compensation") if is_sent_to(effect.undone, one)]
    dispatches = sum(one["status"].get("dispatch", {}).get("count", 0) for one in letters)
    assert len(effect.retried.requests) <= dispatches
    assert {request.key for request in effect.retried.requests} <= {effect.key}
    assert len(effect.undone.requests) <= sum(one["status"].get("attempts", 0) for one in undos)
    if effect.retried.honours_keys:
        assert max(Counter(effect.retried.effects).values(), default=0) <= 1
        assert max(Counter(effect.undone.effects).values(), default=0) <= 1


def is_about(effect: Effect, letter: Object, found: SmallServer) -> bool:
    name = letter["spec"]["actionRef"]["name"]
    action = found.objects[Key("Action", NAMESPACE, name)]
    return bool(action["spec"]["idempotencyKey"] == effect.key)


def is_sent_to(route: Route, undo: Object) -> bool:
    http: dict[str, Any] = undo["spec"]["execution"].get("http", {})
    return http.get("url") == route.url


def every_disposition_is_one_step(found: SmallServer) -> None:
    """It is carried out once: alice, who approves nothing, has made as many steps as were applied.

    A dead letter that has gone through more than the ledger keeps is left out.
    """
    applied = Counter(
        one["spec"]["deadLetterRef"]["name"]
        for one in found.of("Disposition")
        if condition(one).get("reason") == "Applied"
    )
    for letter in found.of("DeadLetter"):
        history = letter["status"].get("history", [])
        by_alice = sum(step["actor"] == "alice" for step in history)
        assert len(steps(letter)) == 20 or by_alice == applied[letter["metadata"]["name"]]
