"""Ways: how people bring an object into each phase of its life, and what they do next."""

from collections.abc import Callable
from typing import Any

from chaos.edit_subjects import Held, Subject
from support import manifests
from support.digests import short
from support.manifests import unique
from support.target import APPLIED, Answer, Route, Target
from support.tenant import Tenant

Prepare = Callable[[Tenant, Target, Held], tuple[str, Route]]
Finish = Callable[[Subject], object]

ELSEWHERE = "https://not-allowed.example.com"
"""No operator of this campaign may call it."""
IN_DOUBT = Answer(418)
"""The effect happens, and the plan says that this answer does not tell."""
CODES = [{"codes": [418], "outcome": "Unknown"}, {"codes": [425], "outcome": "Retry"}]
SLOW = {"maxAttempts": 5, "backoffSeconds": 3600, "maxBackoffSeconds": 3600}


def undo(
    tenant: Tenant, target: Target, answer: Answer, *, approved: bool = True, **spec: Any
) -> tuple[str, Route]:
    name, route = unique("undo"), target.route(answer, honours_keys=True)
    http = {
        "url": spec.pop("origin", target.origin) + f"/{route.url.rpartition('/')[2]}",
        "headers": [{"name": "Accept", "value": "application/json"}],
        "body": {"id": name, "lines": [1, {"deep": None}]},
        "statusCodes": CODES,
        "retrySafety": spec.pop("safety", "ProviderKey"),
    }
    given = {
        "type": "message.remove",
        "rollbackInstruction": "remove it",
        "approval": {"approvers": 1, "deadlineSeconds": 3600},
        "timeoutSeconds": 900,
        "runId": "run-a",
        "orderingKey": name,
        "compensableUntil": "2099-01-01T00:00:00.000Z",
        "retry": SLOW,
        **spec,
    }
    if "execution" not in given:
        tenant.create(manifests.compensation(name, http=http, **given))
    else:
        tenant.create(manifests.compensation(name, **given))
    if approved:
        tenant.approve(name)
    return name, route


def approve(one: Subject) -> object:
    return one.tenant.approve(one.name, name=unique("alice-approves"))


def make_executable_and_approve(one: Subject) -> None:
    one.tenant.change(one.name, execution={"http": {"url": one.route.url}})
    approve(one)


def attest(one: Subject) -> object:
    key = one.read()["status"]["outbox"]["attemptKey"]
    said = manifests.attestation(unique("alice-attests"), one.name, kind=one.kind, attemptKey=key)
    return one.tenant.create(said, "alice")


def cancel(one: Subject) -> object:
    return one.tenant.change(one.name, cancel=True)


def nothing(one: Subject) -> None:
    pass


def cancelled(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
    name, route = undo(tenant, target, APPLIED, approved=False)
    tenant.change(name, cancel=True)
    return name, route


def by_hand(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
    return undo(tenant, target, APPLIED, execution={"manual": {"instructions": "do it"}})


def letter(
    tenant: Tenant, target: Target, answer: Answer, choice: str = "", **said: Any
) -> tuple[str, Route]:
    post, route = unique("post"), target.route(answer, honours_keys=True)
    http = {
        "method": "POST",
        "url": route.url,
        "statusCodes": CODES,
        "retrySafety": said.pop("safety", "ProviderKey"),
    }
    key = f"run-a/{post}"
    tenant.create(
        manifests.action(
            post,
            error="503",
            target=post,
            idempotencyKey=key,
            retry={"http": http, "timeoutSeconds": 900},
        )
    )
    name = f"dead-letter-effect-{short(key)}"
    tenant.ready("DeadLetter", name, "AwaitingDecision")
    if choice:
        _dispose(tenant, name, choice, **said)
    return name, route


def _dispose(tenant: Tenant, letter: str, choice: str = "Ignore", **said: Any) -> str:
    name = unique(f"alice-says-{choice.lower()}")
    tenant.create(manifests.disposition(name, letter, choice, **said), "alice")
    return name


def ignore(one: Subject) -> object:
    return _dispose(one.tenant, one.name)


def approve_its_undo(one: Subject) -> object:
    # alice has chosen it, so it is hers: bob approves it.
    return one.tenant.approve(one.read()["status"]["compensationRef"]["name"], "bob")


def action(outcome: str) -> Prepare:
    def prepare(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
        name = unique("post")
        plan = {"execution": {"record": {}}, "rollbackInstruction": "remove it"}
        tenant.create(
            manifests.action(
                name,
                outcome,
                provider="board",
                target=name,
                idempotencyKey=f"run-a/{name}",
                runId="run-a",
                source={"kind": "agent", "id": "writer"},
                input={"text": name, "to": [None, {"deep": 1}]},
                compensation=plan,
            )
        )
        return name, target.route(APPLIED)

    return prepare


def succeed(one: Subject) -> object:
    return one.tenant.patch("Action", one.name, {"spec": {"outcome": "succeeded"}})


def approval(decides: bool) -> Prepare:
    def prepare(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
        undo, route = unique("undo"), target.route(APPLIED)
        name, digest = f"alice-approves-{undo}", "sha256:" + "0" * 64
        if decides:
            tenant.create(manifests.compensation(undo))
            digest = tenant.planned(undo)
        tenant.create(manifests.approval(name, undo, planDigest=digest, reason="seen"), "alice")
        return name, route

    return prepare


def disposition(decides: bool) -> Prepare:
    def prepare(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
        if decides:
            about, route = letter(tenant, target, APPLIED)
        else:
            about, route = unique("dead-letter"), target.route(APPLIED)
        return _dispose(tenant, about), route

    return prepare


def attestation(decides: bool) -> Prepare:
    def prepare(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
        undo, route = unique("undo"), target.route(APPLIED)
        if decides:
            undo, route = by_hand(tenant, target, gate)
            tenant.ready("Compensation", undo, "AwaitingAttestation")
        name = f"alice-attests-{undo}"
        tenant.create(manifests.attestation(name, undo), "alice")
        return name, route

    return prepare


def receipt(tenant: Tenant, target: Target, gate: Held) -> tuple[str, Route]:
    post, route = action("succeeded")(tenant, target, gate)
    recorded = tenant.wait_until("Action", post, lambda one: "receiptRef" in one["status"])
    return recorded["status"]["receiptRef"]["name"], route
