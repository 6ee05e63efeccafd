"""Objects that an undo changes, and the undo that changes them, from the few words of a row."""

from typing import Any

from support import manifests
from support.api import Api, Object
from support.tenant import Tenant

CONFIGMAPS = ("", "configmaps")
SECRETS = ("", "secrets")
DEPLOYMENTS = ("apps", "deployments")

SETTINGS = {"color": "red", "size": "2"}


def change(name: str, operation: str, kind: str = "ConfigMap", **more: Any) -> Object:
    """A Compensation that changes one object, which is called `settings` if nothing else is."""
    api_version = more.pop("apiVersion", "apps/v1" if kind == "Deployment" else "v1")
    plan = more.pop("plan", {})
    named = {"apiVersion": api_version, "kind": kind, "name": more.pop("of", "settings")}
    execution = {"kubernetes": {"operation": operation, **named, **more}}
    return manifests.compensation(name, execution=execution, **plan)


def merge(name: str = "undo", data: Object | None = None, **more: Any) -> Object:
    """One that sets the color of the settings back to blue."""
    return change(name, "Patch", patch={"merge": {"data": data or {"color": "blue"}}}, **more)


UNASKED = {
    "approval": {"required": False},
    "retry": {"maxAttempts": 3, "backoffSeconds": 1, "maxBackoffSeconds": 1},
}
"""Of a plan that nobody has to approve."""


def runner_of(tenant: Tenant) -> str:
    """The user as which everything in the cluster is done."""
    return f"system:serviceaccount:{tenant.namespace}:amends-runner"


def runner_may(tenant: Tenant, resource: tuple[str, str], *verbs: str) -> None:
    """Let the tenant's runner do this."""
    tenant.let(runner_of(tenant), *((*resource, verb, "") for verb in verbs))


class Namespaced:
    """The objects of a tenant's namespace, as the cluster's admin sees them."""

    def __init__(self, tenant: Tenant) -> None:
        self._api: Api = tenant.installed.user("admin")
        self._namespace = tenant.namespace

    def path(self, resource: tuple[str, str], name: str = "") -> str:
        group, plural = resource
        root = f"/apis/{group}/v1" if group else "/api/v1"
        return f"{root}/namespaces/{self._namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, resource: tuple[str, str], name: str, **content: Any) -> Object:
        return self._api.call("POST", self.path(resource), {"metadata": {"name": name}, **content})

    def settings(self, **data: str) -> Object:
        """The ConfigMap that most rows are about."""
        return self.create(CONFIGMAPS, "settings", data=data or SETTINGS)

    def read(self, resource: tuple[str, str], name: str = "settings") -> Object:
        return self._api.call("GET", self.path(resource, name))

    def data(self) -> Any:
        return self.read(CONFIGMAPS)["data"]

    def merge(self, resource: tuple[str, str], change: Object, name: str = "settings") -> Object:
        kind = "application/merge-patch+json"
        return self._api.call("PATCH", self.path(resource, name), change, content_type=kind)

    def delete(self, resource: tuple[str, str], name: str = "settings") -> None:
        self._api.call("DELETE", self.path(resource, name))

    def names(self, resource: tuple[str, str]) -> list[str]:
        items = self._api.call("GET", self.path(resource))["items"]
        return [one["metadata"]["name"] for one in items]


def deployment(replicas: int) -> Object:
    """The spec of one whose pods nobody starts."""
    labels = {"app": "web"}
    containers = [
        {"name": "web", "image": "web:2", "env": [{"name": "DB_PASSWORD", "value": "planted-old"}]},
        {"name": "side", "image": "side:1"},
    ]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}


def preview(tenant: Tenant, name: str = "undo") -> list[str]:
    """What the Compensation says that it would change."""
    seen = tenant.wait_until("Compensation", name, lambda one: "preview" in one["status"])
    changes: list[str] = seen["status"]["preview"]["changes"]
    return changes
