"""Subjects: the objects that are edited, and where they stand."""

import threading
from dataclasses import dataclass, field

from chaos.edit_schema import Raw
from support.namespaces import annotate
from support.target import Route
from support.tenant import Tenant, condition

FROZEN = {"amends.dev/freeze": "until the misoperations are over"}


class Held(threading.Event):
    """What a target waits for, however long it takes."""

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is set; the target's own patience does not count."""
        return super().wait(900)


@dataclass
class Subject:
    """One object in its station. seen_to: people have done what comes next."""

    tenant: Tenant
    kind: str
    name: str
    route: Route
    gate: Held = field(default_factory=Held)

    def read(self) -> Raw:
        """As it is stored."""
        return self.tenant.read(self.kind, self.name)

    def release(self) -> None:
        """The target answers, and nothing is frozen any more."""
        self.gate.set()
        annotate(self.tenant, self.tenant.namespace, dict.fromkeys(FROZEN))

    @property
    def where(self) -> tuple[str, str]:
        """Where it stands: its phase, or whether it has settled, and what it is ready for."""
        return where(self.read())


def where(obj: Raw) -> tuple[str, str]:
    """The phase, or whether it has settled, and the reason of the condition Ready."""
    status = obj.get("status", {})
    place = status.get("phase") or ("settled" if status.get("settled") else "open")
    return place, condition(obj).get("reason", "")
