"""What went wrong, in words for a person at 3 a.m.: what is missing, and what to do about it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from amends.api import GROUP, KINDS, VERSION
from amends.cli.shown.kinds import dashed, spoken
from amends.kube.paths import PLURALS
from amends.ports import Conflict, Exists, Fault, Gone, Unsure

SIMILAR = 5


class Exit(IntEnum):
    """Exit codes, for scripts. docs/cli.md explains them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    DECLINED = 4
    NOT_VERIFIED = 5
    NO_CONNECTION = 6
    FORBIDDEN = 7


class Failure(Exception):
    """The command ends here. The text is what the person reads; hints are what to do next."""

    def __init__(self, text: str, *hints: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(text)
        self.text = text
        self.hints = hints
        self.code = code


@dataclass(frozen=True)
class Asked:
    """What was asked of the server. namespace: None for all of them."""

    verb: str
    kind: str
    namespace: str | None
    name: str | None = None
    flags: str = ""
    """What of the command line says which cluster is meant: ` --context prod`."""

    def __str__(self) -> str:
        what = f"{spoken(self.kind)} {self.name}" if self.name else f"{spoken(self.kind)}s"
        return f"{self.verb} {what} {self.place}"

    @property
    def place(self) -> str:
        """Where, in words."""
        return f"in namespace {self.namespace}" if self.namespace else "in all namespaces"

    @property
    def scope(self) -> str:
        """Where, as an option."""
        return f"-n {self.namespace}" if self.namespace else "-A"


def explain(fault: Fault, asked: Asked) -> Failure:
    """A request that did not go as asked."""
    said = fault.answer or str(fault)
    match fault.status:
        case None:
            return unreachable(said) if not isinstance(fault, Unsure) else _unsure(asked, said)
        case 401:
            return Failure(
                "the server does not accept your credentials (401 Unauthorized)",
                "log in again, as you do for kubectl; `kubectl auth whoami` shows who you are",
                code=Exit.NO_CONNECTION,
            )
        case 403 if '" cannot ' in said:
            return forbidden(asked, said)
    match fault:
        case Unsure():
            return _unsure(asked, said)
        case Conflict():
            return Failure(
                f"cannot {asked}: somebody changed it meanwhile", "look again, and retry"
            )
        case Exists():
            return Failure(
                f"cannot {asked}: there is one of that name already",
                f"see it: kubectl amends show {spoken(asked.kind).replace(' ', '-')}/{asked.name} "
                f"{asked.scope}{asked.flags}",
            )
        case Gone() if f'namespaces "{asked.namespace}" not found' in said:
            return Failure(f"there is no namespace {asked.namespace}", code=Exit.NOT_FOUND)
    return Failure(f"cannot {asked}: {said}")


def forbidden(asked: Asked, said: str = "") -> Failure:
    """No right to do that there."""
    resource = f"{PLURALS[asked.kind]}.{GROUP}"
    if 'User "system:anonymous"' in said:
        return Failure(
            "the server does not know who you are: it took you for system:anonymous",
            "log in as you do for kubectl, or choose another --context",
            code=Exit.NO_CONNECTION,
        )
    hints = [f"check: kubectl auth can-i {asked.verb} {resource} {asked.scope}{asked.flags}"]
    if asked.namespace is None:
        hints.insert(0, "ask for one namespace that is yours: -n NAME")
    role = "amends-viewer" if asked.verb in ("get", "list", "watch") else _role(asked.kind)
    if asked.namespace is not None:
        hints.append(
            f"get it: whoever administers {asked.namespace} binds you to ClusterRole {role} there"
        )
    return Failure(
        f"you may not {asked.verb} {resource} {asked.place}", *hints, code=Exit.FORBIDDEN
    )


def not_installed(missing: Iterable[str]) -> Failure:
    """The server does not serve our kinds, or not all of them."""
    kinds = sorted(missing)
    if len(kinds) == len(KINDS):
        text = f"Amends is not installed in this cluster: it serves nothing of {GROUP}/{VERSION}"
    else:
        text = f"this cluster has an older Amends: it does not serve {', '.join(kinds)}"
    return Failure(
        text,
        "install its CRDs: kubectl apply --server-side -f crds/",
        "is it the right cluster? kubectl config current-context; choose with --context",
        code=Exit.NO_CONNECTION,
    )


def policies_missing(kind: str) -> Failure:
    """A statement came back without the name of who made it."""
    return Failure(
        f"the admission policies are missing: nobody stamped you on this {spoken(kind)}, so it "
        "would prove nothing",
        "install them: helm upgrade, or amends policies | kubectl apply -f -",
        "check: kubectl get mutatingadmissionpolicybindings,validatingadmissionpolicybindings",
    )


def unreachable(why: str) -> Failure:
    """No answer."""
    return Failure(
        f"the API server does not answer: {why}",
        "is it the right cluster? kubectl config current-context; choose with --context",
        code=Exit.NO_CONNECTION,
    )


def no_way_to_connect(why: str, contexts: Sequence[str] = (), wanted: str | None = None) -> Failure:
    """Neither a kubeconfig nor a pod's account says how to connect, or the context is unknown."""
    if wanted is not None and contexts and wanted not in contexts:
        close = difflib.get_close_matches(wanted, contexts, SIMILAR)
        return Failure(
            f"the kubeconfig has no context {wanted}",
            f"it has {', '.join(close or contexts)}",
            "see them all: kubectl config get-contexts",
            code=Exit.NO_CONNECTION,
        )
    return Failure(
        f"no way to connect to a cluster: {why}",
        "set KUBECONFIG, or give --kubeconfig FILE",
        code=Exit.NO_CONNECTION,
    )


def not_found(asked: Asked, names: Iterable[str]) -> Failure:
    """There is no such object; perhaps one with a similar name."""
    close = difflib.get_close_matches(asked.name or "", list(names), SIMILAR)
    hints = [f"similar: {', '.join(close)}"] if close else []
    return Failure(
        f"there is no {spoken(asked.kind)} {asked.name} {asked.place}",
        *hints,
        f"see them all: kubectl amends list {dashed(asked.kind)} {asked.scope}{asked.flags}",
        code=Exit.NOT_FOUND,
    )


def nowhere(name: str, names: Iterable[str], namespace: str, flags: str) -> Failure:
    """Nothing of any kind is called so."""
    close = difflib.get_close_matches(name, list(names), SIMILAR)
    hints = [f"similar: {', '.join(close)}"] if close else []
    return Failure(
        f"nothing in namespace {namespace} is called {name}",
        *hints,
        f"see what there is: kubectl amends list dead-letters -n {namespace}{flags}",
        f"or look in another namespace: kubectl amends show {name}{flags} -n NAMESPACE",
        code=Exit.NOT_FOUND,
    )


def _role(kind: str) -> str:
    return "amends-approver" if kind == "Approval" else "amends-responder"


def _unsure(asked: Asked, said: str) -> Failure:
    return Failure(
        f"nobody knows whether the server did {asked}: {said}",
        "look before you repeat it",
    )
