"""The admission policies of a real server, weakened by a test and put back as they were."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from amends.admission import policies
from amends.admission.standing import BINDING, POLICY, defaulted, needed
from integration.cluster import Refused
from support.api import Api, Object

PATHS = {
    POLICY: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    BINDING: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}


@dataclass(frozen=True)
class Weakening:
    """One way to take the force from a policy. change: None deletes the object."""

    kind: str
    name: str
    words: str
    """What the operator says about it."""
    change: Callable[[Object], object] | None = None

    def apply(self, admin: Api) -> None:
        """Do it."""
        path = f"{PATHS[self.kind]}/{self.name}"
        if self.change is None:
            admin.call("DELETE", path)
            return
        held = admin.call("GET", path)
        self.change(held["spec"])
        admin.call("PUT", path, held)

    def undo(self, admin: Api) -> None:
        """The object as the chart has it."""
        path = f"{PATHS[self.kind]}/{self.name}"
        ours = needed(policies())[self.kind, self.name]
        try:
            held = admin.call("GET", path)
        except Refused:
            admin.call("POST", PATHS[self.kind], dict(ours))
        else:
            if defaulted(held["spec"]) != defaulted(ours["spec"]):
                admin.call("PUT", path, {**held, "spec": ours["spec"]})


def deleted(kind: str, name: str) -> Weakening:
    """The object is gone."""
    return Weakening(kind, name, f"{kind} {name} is missing")


def changed(kind: str, name: str, field: str, value: Any, words: str) -> Weakening:
    """A field of its spec says something else."""
    return Weakening(
        kind, name, f"{kind} {name} has {words}", lambda spec: spec.update({field: value})
    )


@contextmanager
def weakened(admin: Api, *weakenings: Weakening) -> Iterator[None]:
    """A server whose policies are weakened for a while."""
    for one in weakenings:
        one.apply(admin)
    try:
        yield
    finally:
        for one in weakenings:
            one.undo(admin)
