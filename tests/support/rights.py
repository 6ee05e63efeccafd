"""Rights, one at a time: what a role grants in its smallest pieces, and what an account may do."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from support.api import Api, Object
from support.audit import Asked
from support.tenant import SECONDS
from waiting import wait_for

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, order=True)
class Right:
    """The smallest piece of a rule: one verb on one resource, in one place, maybe of one name."""

    verb: str
    group: str
    resource: str
    """With its subresource, as in `compensations/status`."""
    name: str = ""
    """Empty: of any name."""
    namespace: str = ""
    """Empty: in every namespace, and beyond namespaces."""

    def __str__(self) -> str:
        of = f"{self.resource}.{self.group}" if self.group else self.resource
        return " ".join(part for part in (self.verb, of, self.name) if part)

    def allows(self, asked: Asked) -> bool:
        """Whether a request was allowed by this right."""
        return (
            (self.verb, self.group, self.resource) == (asked.verb, asked.group, asked.resource)
            and self.name in ("", asked.name)
            and self.namespace in ("", asked.namespace)
        )


@dataclass(frozen=True)
class Role:
    """A Role or ClusterRole of a file."""

    name: str
    namespace: str
    """Empty for a ClusterRole."""
    rights: frozenset[Right]

    @property
    def path(self) -> str:
        """Where the API server keeps it."""
        if not self.namespace:
            return f"{RBAC}/clusterroles/{self.name}"
        return f"{RBAC}/namespaces/{self.namespace}/roles/{self.name}"


def roles_of(file: Path, namespace: str = "") -> list[Role]:
    """The roles of a file; a namespace for those that name none, as kubectl -n does it."""
    found = [one for one in yaml.safe_load_all(file.read_text()) if one]
    return [
        role_of(one, namespace)
        for one in found
        if one["kind"] in ("Role", "ClusterRole") and not one.get("aggregationRule")
    ]


def role_of(obj: Object, namespace: str = "") -> Role:
    """A role as the API server has it, or as a file has it that is applied to a namespace."""
    where = obj["metadata"].get("namespace", namespace)
    pieces = frozenset(piece for rule in obj["rules"] or () for piece in _pieces(rule, where))
    return Role(obj["metadata"]["name"], where, pieces)


def _pieces(rule: Object, namespace: str) -> Iterator[Right]:
    names = rule.get("resourceNames", [""])
    for verb, group, resource, name in product(
        rule["verbs"], rule["apiGroups"], rule["resources"], names
    ):
        yield Right(verb, group, resource, name, namespace)


def roles_bound_to(api: Api, account: str) -> dict[str, str]:
    """Every binding that names a service account (`namespace:name`): where, and to which role."""
    namespace, name = account.split(":")
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    bindings = [
        *api.call("GET", f"{RBAC}/clusterrolebindings")["items"],
        *api.call("GET", f"{RBAC}/rolebindings")["items"],
    ]
    return {
        one["metadata"].get("namespace", ""): one["roleRef"]["name"]
        for one in bindings
        if subject in one.get("subjects", [])
    }


@contextmanager
def without(right: Right, role: Role, admin: Api, account: Api) -> Iterator[None]:
    """Takes one right away from a live role for as long as the block runs.

    The server's authorizer learns of a changed role by a watch: so this waits until it knows.
    """
    stored = admin.call("GET", role.path)
    left = [_rule(one) for one in role_of(stored, role.namespace).rights - {right}]
    admin.call("PUT", role.path, {**_unversioned(stored), "rules": left})
    try:
        wait_for(lambda: not may(account, right), seconds=SECONDS, what=f"{right} to be gone")
        yield
    finally:
        admin.call("PUT", role.path, _unversioned(stored))
        wait_for(lambda: may(account, right), seconds=SECONDS, what=f"{right} to be back")


def may(account: Api, right: Right) -> bool:
    """What the API server answers an account that asks whether it may."""
    resource, _, part = right.resource.partition("/")
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "name": right.name,
        "namespace": right.namespace,
    }
    body = {"spec": {"resourceAttributes": asked}}
    return bool(account.call("POST", REVIEWS, body)["status"]["allowed"])


def as_asked(asked: Iterable[Asked]) -> list[Asked]:
    """Requests as RBAC sees them: to ask as somebody else takes the right to be that account."""
    return [_as_impersonation(one) if one.impersonated else one for one in asked if one.resource]


def _as_impersonation(asked: Asked) -> Asked:
    prefix, kind, namespace, name = asked.impersonated.split(":")
    assert (prefix, kind) == ("system", "serviceaccount")
    return replace(
        asked,
        verb="impersonate",
        group="",
        resource="serviceaccounts",
        namespace=namespace,
        name=name,
    )


def _rule(right: Right) -> Object:
    rule: dict[str, Any] = {
        "verbs": [right.verb],
        "apiGroups": [right.group],
        "resources": [right.resource],
    }
    return {**rule, "resourceNames": [right.name]} if right.name else rule


def _unversioned(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    return {**obj, "metadata": meta}
