"""The API server as a test asks it: create, read, change, and be refused in words."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Self

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from amends.api import GROUP, KINDS, VERSION
from controlplane import ControlPlane

OPERATOR = "system:serviceaccount:amends-system:amends"
"""The only user that admission policies let write status."""
MASTERS = "system:masters"

PLURALS: Mapping[str, str] = {kind.__name__: kind.SERVED.plural for kind in KINDS}

Object = dict[str, Any]


class Refused(Exception):
    """The API server said no; the text is what it said."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        super().__init__(reply["message"])
        self.code: int = reply["code"]
        self.causes: list[dict[str, str]] = reply.get("details", {}).get("causes", [])


class Cluster:
    """Our kinds in one namespace, as one user."""

    def __init__(self, api: client.CustomObjectsApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    @classmethod
    def as_admin(cls, cp: ControlPlane, namespace: str) -> Self:
        """As a member of system:masters."""
        return cls(client.CustomObjectsApi(_connected(cp)), namespace)

    @classmethod
    def as_operator(cls, cp: ControlPlane, namespace: str) -> Self:
        """As the operator; its group lets it do everything that no schema or policy forbids."""
        connection = _connected(cp)
        connection.default_headers |= {
            "Impersonate-User": OPERATOR,
            "Impersonate-Group": MASTERS,
        }
        return cls(client.CustomObjectsApi(connection), namespace)

    def create(self, obj: Object) -> Object:
        """The object as the API server stored it."""
        return _answer(self._api.create_namespaced_custom_object, *self._of(obj["kind"]), body=obj)

    def read(self, kind: str, name: str) -> Object:
        """The object as it is stored."""
        return _answer(self._api.get_namespaced_custom_object, *self._of(kind), name)

    def select(self, kind: str, field_selector: str) -> list[str]:
        """Names of the objects that a field selector finds."""
        found = _answer(
            self._api.list_namespaced_custom_object,
            *self._of(kind),
            field_selector=field_selector,
        )
        return [item["metadata"]["name"] for item in found["items"]]

    def patch(self, kind: str, name: str, change: Object) -> Object:
        """Merges a change into the object, its status excepted."""
        return _answer(
            self._api.patch_namespaced_custom_object,
            *self._of(kind),
            name,
            body=change,
            _content_type="application/merge-patch+json",
        )

    def write_status(self, kind: str, name: str, status: Object | None) -> Object:
        """Merges a change into the object's status; None asks to remove it."""
        return _answer(
            self._api.patch_namespaced_custom_object_status,
            *self._of(kind),
            name,
            body={"status": status},
            _content_type="application/merge-patch+json",
        )

    def replace_status(self, obj: Object) -> Object:
        """Replaces the status by the object's; what it leaves out is removed."""
        return _answer(
            self._api.replace_namespaced_custom_object_status,
            *self._of(obj["kind"]),
            obj["metadata"]["name"],
            body=obj,
        )

    def _of(self, kind: str) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self._namespace, PLURALS[kind]


def _connected(cp: ControlPlane) -> client.ApiClient:
    connect: Callable[[str], client.ApiClient] = config.new_client_from_config
    return connect(str(cp.kubeconfig("admin")))


def _answer(call: Any, *arguments: Any, **options: Any) -> Object:
    try:
        answer: Object = call(*arguments, **options)
    except ApiException as refused:
        raise Refused(json.loads(refused.body or "{}")) from refused
    return answer
