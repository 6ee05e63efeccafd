"""A tenant's namespace: what its people and the operator do there, and what becomes of it."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any

import installation
from cluster import Cluster
from installation import RunningOperator
from integration.cluster import PLURALS, Refused
from support import manifests
from support.api import MERGE_PATCH, Api, Object, collection_of, path_of
from waiting import wait_for

UNAPPROVED = {"amends.dev/unapproved": "allow"}
"""Annotations of a Namespace in which a test may ask for an undo that nobody has to approve."""

SECONDS = 30.0
"""Long enough for a busy machine; nothing here waits longer than it has to."""

RBAC_GROUP = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

Right = tuple[str, str, str, str]
"""API group, resource, verb, and a name, or an empty one for all."""

StartOperator = Callable[..., AbstractContextManager[RunningOperator]]
"""Takes further arguments of `amends run`."""


@dataclass
class Installed:
    """A cluster on which Amends is installed, and a connection for each of its users."""

    cp: Cluster
    kubeconfig: Any
    """The operator's."""
    stamps: bool = True
    """Whether the API server writes down who asks and who decides; otherwise people do."""
    _connections: dict[str, Api] = field(default_factory=dict)

    def user(self, name: str) -> Api:
        """The connection of a user; `operator` is the operator's service account."""
        if name not in self._connections:
            file = self.kubeconfig if name == "operator" else self.cp.kubeconfig(name)
            self._connections[name] = Api(file)
        return self._connections[name]

    def tenant(
        self,
        namespace: str,
        group: str = "tenant-a",
        annotations: Mapping[str, str] = UNAPPROVED,
    ) -> "Tenant":
        """A new tenant whose people are the group's."""
        # Over a connection that is open: there are hundreds of tenants, and kubectl takes its time.
        for obj in installation.tenant_objects(namespace, group=group, annotations=annotations):
            self.user("admin").call("POST", collection_of(obj), obj)
        made = Tenant(self, namespace, group)
        people = {"kind": "Group", "name": group}
        made.wait_until_allowed(people, ("amends.dev", "compensations", "approve", "any"))
        return made

    def close(self) -> None:
        """Close every connection."""
        for api in self._connections.values():
            api.close()


@dataclass(frozen=True)
class Tenant:
    """One namespace. bob asks, alice decides; dora may do both, and carol is a stranger."""

    installed: Installed
    namespace: str
    group: str = "tenant-a"

    def create(self, obj: Object, user: str = "bob") -> Object:
        """The object as the API server stored it."""
        signed = obj if self.installed.stamps else manifests.signed(obj, user)
        return self._call(user, "POST", obj["kind"], body=signed)

    def read(self, kind: str, name: str, user: str = "admin") -> Object:
        """The object as it is stored."""
        return self._call(user, "GET", kind, name)

    def patch(self, kind: str, name: str, change: Object, user: str = "bob") -> Object:
        """Merge a change into the object."""
        return self._call(user, "PATCH", kind, name, body=change)

    def change(self, name: str, user: str = "bob", **spec: Any) -> Object:
        """Change fields of a Compensation's spec."""
        return self.patch("Compensation", name, {"spec": spec}, user)

    def delete(self, kind: str, name: str) -> None:
        """As the admin."""
        self._call("admin", "DELETE", kind, name)

    def write_status(self, kind: str, name: str, status: Object, user: str = "operator") -> Object:
        """Merge a change into the status."""
        return self._call(user, "PATCH", kind, name, part="status", body={"status": status})

    def every(self, kind: str, user: str = "admin") -> list[Object]:
        """Every object of the kind."""
        items: list[Object] = self._call(user, "GET", kind)["items"]
        return items

    def secret(self, name: str, **data: str) -> None:
        """A Secret of the tenant. Its people may plan requests with it, and not read it."""
        self.installed.user("admin").call(
            "POST",
            f"/api/v1/namespaces/{self.namespace}/secrets",
            {"metadata": {"name": name}, "stringData": data},
        )
        self.people_may("use", "secrets", name)

    def people_may(self, verb: str, resource: str, name: str) -> None:
        """Give the tenant's people a right to one Secret or service account."""
        subject = {"apiGroup": RBAC_GROUP, "kind": "Group", "name": self.group}
        self._grant(subject, ("", resource, verb, name))

    def let(self, user: str, *rights: Right) -> None:
        """Give one person rights here: API group, resource, verb and name, empty for every name."""
        for right in rights:
            self._grant({"apiGroup": RBAC_GROUP, "kind": "User", "name": user}, right)

    def _grant(self, subject: Mapping[str, str], right: Right) -> None:
        group, resource, verb, name = right
        rule: Object = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        rule |= {"resourceNames": [name]} if name else {}
        role = manifests.unique(f"{verb}-{resource}")
        reference = {"apiGroup": RBAC_GROUP, "kind": "Role", "name": role}
        path = f"/apis/{RBAC_GROUP}/v1/namespaces/{self.namespace}"
        named = {"metadata": {"name": role}}
        admin = self.installed.user("admin")
        admin.call("POST", f"{path}/roles", {**named, "rules": [rule]})
        bound = {**named, "roleRef": reference, "subjects": [dict(subject)]}
        admin.call("POST", f"{path}/rolebindings", bound)
        self.wait_until_allowed(subject, right)

    def wait_until_allowed(
        self, subject: Mapping[str, str], right: Right, *, allowed: bool = True
    ) -> None:
        """RBAC hears of a right that is given or taken a moment after that is stored."""
        group, resource, verb, name = right
        asked = {"group": group, "resource": resource, "verb": verb, "name": name}
        who = (
            {"groups": [subject["name"]]}
            if subject["kind"] == "Group"
            else {"user": subject["name"]}
        )
        review = {
            "spec": {**who, "resourceAttributes": {**asked, "namespace": self.namespace}},
        }
        admin = self.installed.user("admin")
        wait_for(
            lambda: admin.call("POST", REVIEWS, review)["status"]["allowed"] is allowed,
            seconds=SECONDS,
            what=f"the right to {verb} {resource}",
        )

    def runner_may_read(self, secret: str, account: str = "amends-runner") -> None:
        """Let the tenant's service account read one Secret."""
        kubectl, name = self.installed.cp.kubectl, f"read-{secret}"
        kubectl(
            *("create", "role", name, "-n", self.namespace, "--verb=get"),
            *("--resource=secrets", f"--resource-name={secret}"),
        )
        kubectl(
            *("create", "rolebinding", name, "-n", self.namespace, f"--role={name}"),
            f"--serviceaccount={self.namespace}:{account}",
        )

    def events(self, name: str) -> list[Object]:
        """What was said about an object, oldest first."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items: list[Object] = self.installed.user("admin").call("GET", path)["items"]
        about = [item for item in items if item["regarding"]["name"] == name]
        return sorted(about, key=lambda item: str(item["eventTime"]))

    def wait_for_event(self, name: str, reason: str) -> str:
        """The words of the first event with this reason about an object."""
        found: list[Object] = []

        def said() -> bool:
            found[:] = [one for one in self.events(name) if one["reason"] == reason]
            return bool(found)

        wait_for(said, seconds=SECONDS, what=f"event {reason} on {name}")
        return str(found[0]["note"])

    def wait_until(
        self,
        kind: str,
        name: str,
        holds: Callable[[Object], object],
        seconds: float = SECONDS,
    ) -> Object:
        """The object as soon as something holds of it."""
        last: Object = {}

        def found() -> bool:
            nonlocal last
            try:
                last = self.read(kind, name)
            except Refused as refused:
                if refused.code != 404:
                    raise
                return False
            return bool(holds(last))

        try:
            wait_for(found, seconds=seconds, what=f"{kind} {name}")
        except TimeoutError as why:
            seen = json.dumps({**last, "metadata": {}}, indent=1)
            raise AssertionError(f"{why}; last seen:\n{seen}") from why
        return last

    def in_phase(self, name: str, phase: str) -> Object:
        """The Compensation once it is in this phase."""
        return self.wait_until("Compensation", name, lambda one: one["status"]["phase"] == phase)

    def ready(self, kind: str, name: str, reason: str) -> Object:
        """The object once its condition Ready has this reason."""
        return self.wait_until(kind, name, lambda one: condition(one).get("reason") == reason)

    def planned(self, name: str) -> str:
        """The plan digest, once there is one for the current spec."""
        seen = self.wait_until("Compensation", name, _is_planned)
        return str(seen["status"]["planDigest"])

    def approve(
        self, subject: str, user: str = "alice", *, name: str | None = None, **spec: Any
    ) -> Object:
        """A person approves what the Compensation says now."""
        spec.setdefault("planDigest", self.planned(subject))
        named = name or f"{user}-approves-{subject}"
        return self.create(manifests.approval(named, subject, **spec), user)

    def ask(self, obj: Object, user: str = "bob") -> Object:
        """Create a Compensation and have alice approve it."""
        created = self.create(obj, user)
        self.approve(obj["metadata"]["name"])
        return created

    def clear(self) -> None:
        """Remove every object of ours, or cancel it, so that no operator works on it for long."""
        may_run = ("DeadLetter", "Compensation")
        for kind in PLURALS:
            if kind not in may_run:
                self._call("admin", "DELETE", kind)
        for kind in may_run:
            for name in [one["metadata"]["name"] for one in self.every(kind)]:
                try:
                    self.delete(kind, name)
                except Refused:  # it runs; by now it may also have ended
                    if kind == "Compensation":
                        with suppress(Refused):
                            self.change(name, "admin", cancel=True)

    def _call(
        self,
        user: str,
        method: str,
        kind: str,
        name: str | None = None,
        *,
        part: str | None = None,
        body: Object | None = None,
    ) -> Object:
        path = path_of(kind, self.namespace, name, part)
        content_type = MERGE_PATCH if method == "PATCH" else "application/json"
        return self.installed.user(user).call(method, path, body, content_type=content_type)


def condition(obj: Object, kind: str = "Ready") -> Mapping[str, Any]:
    """A condition of an object; empty if it has none of this type."""
    found: Iterable[Object] = obj.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), {})


def conditions(obj: Object) -> dict[str, tuple[str, str]]:
    """Every condition: its status and reason, by type."""
    found: Iterable[Object] = obj.get("status", {}).get("conditions", [])
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def _is_planned(compensation: Object) -> bool:
    status = compensation["status"]
    return (
        "planDigest" in status
        and status.get("observedGeneration") == compensation["metadata"]["generation"]
    )
