"""Makes a statement: judged first, then shown, then asked, then created once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import RenderableType

from amends.api import GROUP, VERSION, Approval, Attestation, Disposition
from amends.api.resource import LONGEST_NAME
from amends.cli.asked import consent
from amends.cli.asked.consent import DryRun, Manner
from amends.cli.asked.session import Session
from amends.cli.shown import failures
from amends.cli.shown.failures import Exit, Failure
from amends.cli.shown.kinds import spoken
from amends.core.statement import COUNTED
from amends.ports import Raw

_GENERATED = 5
"""Characters that the server adds to metadata.generateName."""
_MOST_GROUPS = 256
"""What spec.actor.groups holds."""

D = TypeVar("D", Approval, Attestation, Disposition)


@dataclass(frozen=True)
class Statement:
    """What a person is about to say. reference: the field of spec that names the subject. portable:
    whether it means the same in another cluster."""

    kind: str
    verb: str
    reference: str
    spec: Mapping[str, Any]
    namespace: str
    username: str
    groups: tuple[str, ...] = ()
    portable: bool = True

    @property
    def subject(self) -> str:
        """Name of what it is about."""
        return str(self.spec[self.reference]["name"])

    @property
    def name(self) -> str:
        """The same words by the same person have the same name."""
        return valid_name(self.subject, self.verb, self.username)

    @property
    def actor(self) -> Raw:
        """Who says it, where people write that themselves."""
        named = {"username": self.username}
        return {**named, "groups": list(self.groups[:_MOST_GROUPS])} if self.groups else named

    @property
    def for_git(self) -> Raw:
        """As a file: the subject's uid is left out, because a cluster it is applied to has another.

        The plan digest says which plan is meant, and the operator binds it to the uid it finds.
        """
        if not self.portable:
            return self._object({"name": self.name}, self.spec)
        reference = {key: one for key, one in self.spec[self.reference].items() if key != "uid"}
        return self._object({"name": self.name}, {**self.spec, self.reference: reference})

    def under(self, metadata: Raw) -> Raw:
        """As it is created."""
        return self._object(metadata, self.spec)

    def would_be(self, kind: type[D], **metadata: Any) -> D:
        """As the operator would find it, so that it can be judged before it is made."""
        meta = {"name": self.name, "namespace": self.namespace, **metadata}
        spec = {**self.spec, "actor": self.actor}
        return kind.model_validate({"metadata": meta, "spec": spec})

    def _object(self, metadata: Raw, spec: Mapping[str, Any]) -> Raw:
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": self.kind,
            "metadata": {**metadata, "namespace": self.namespace},
            "spec": dict(spec),
        }

    def says_the_same(self, raw: Raw) -> bool:
        """Whether an object is this very statement, and may still count or has."""
        spec, status = raw["spec"], raw.get("status") or {}
        ready = _ready(raw)
        open_or_counted = not status.get("settled") or ready.get("reason") in COUNTED
        return (
            open_or_counted
            and spec.get("actor", {}).get("username") == self.username
            and all(spec.get(field) == value for field, value in self.spec.items())
        )


def valid_name(subject: str, verb: str, username: str) -> str:
    """An object name that says who did what to which subject."""
    who = re.sub(r"[^a-z0-9]+", "-", username.lower()).strip("-")
    rest = f"-{verb}-{who}"[: LONGEST_NAME // 2].rstrip("-")
    return subject[: LONGEST_NAME - _GENERATED - 1 - len(rest)] + rest


def make(
    session: Session,
    statement: Statement,
    manner: Manner,
    screen: RenderableType,
) -> Raw | None:
    """Create it, unless it is only tried. Returns what is stored."""
    called = f"{spoken(statement.kind)} {statement.name}"
    if manner.dry_run is DryRun.CLIENT:
        consent.show(screen)
        consent.report(statement.for_git, "created", manner)
        return None
    metadata, stored = _name(session, statement)
    if stored is not None:
        consent.report(stored, "unchanged", manner)
        return stored
    # Judged before anybody is asked: nobody reads a screen for what the server then refuses.
    body, judged = _rehearse(session, statement, statement.under(metadata))
    consent.show(screen)
    if manner.dry_run is DryRun.SERVER:
        consent.report(judged, "created", manner)
        return None
    consent.confirm(f"Create {called}?", yes=manner.yes, undone="nothing was created")
    created = session.create(statement.kind, body, namespace=statement.namespace)
    consent.report(created, "created", manner)
    return created


def _name(session: Session, statement: Statement) -> tuple[Raw, Raw | None]:
    """Under which name, and what is there already if that is the very same statement."""
    taken = session.find_one(statement.kind, statement.name, statement.namespace)
    if taken is None:
        return {"name": statement.name}, None
    if statement.says_the_same(taken):
        return {}, taken
    return {"generateName": f"{statement.name}-"}, None


def _rehearse(session: Session, statement: Statement, body: Raw) -> tuple[Raw, Raw]:
    """What to create, and what the server would store.

    Before Kubernetes 1.36 nothing stamps the actor: there people write their own name, and the
    policies refuse any other.
    """

    def tried(one: Raw) -> Raw:
        return session.create(statement.kind, one, namespace=statement.namespace, dry_run=True)

    try:
        judged = tried(body)
    except Failure as why:
        if why.code is Exit.FORBIDDEN:
            raise
        signed = {**body, "spec": {**body["spec"], "actor": statement.actor}}
        try:
            return signed, tried(signed)
        except Failure:
            raise why from None
    if "actor" not in judged["spec"]:
        raise failures.policies_missing(statement.kind)
    return body, judged


def _ready(raw: Raw) -> Mapping[str, Any]:
    found = (raw.get("status") or {}).get("conditions", [])
    return next((one for one in found if one["type"] == "Ready"), {})
