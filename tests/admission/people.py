"""Who people are to the API server, and how it writes them down."""

import json

from integration.cluster import MASTERS, Refused
from support.api import Object, path_of
from support.manifests import NAMED
from support.tenant import Tenant


def full(user: str) -> Object:
    """Everything the server knows of one of the tenant's people."""
    return {"username": user, "uid": user, "groups": ["tenant-a", "system:authenticated"]}


def recorded(tenant: Tenant, user: str) -> Object:
    """Who asked or decided, where the object named nobody else."""
    return full(user) if tenant.installed.stamps else {"username": user, "uid": "", "groups": []}


def create_unsigned(tenant: Tenant, user: str, obj: Object) -> Object | str:
    """Who the stored object names, which named nobody; or what its author was told."""
    field, kind = NAMED[obj["kind"]], obj["kind"]
    try:
        made = tenant.installed.user(user).call("POST", path_of(kind, tenant.namespace), obj)
    except Refused as refused:
        return str(refused).partition("denied request: ")[2]
    person: Object = made["spec"][field]
    return person


def create_as(tenant: Tenant, account: str, obj: Object) -> str:
    """What a service account is told that creates an object; RBAC lets it do everything."""
    field = NAMED[obj["kind"]]
    signed = {**obj, "spec": {field: {"username": account}, **obj["spec"]}}
    return tenant.installed.cp.kubectl(
        *("create", "-n", tenant.namespace, "-f", "-"),
        *("--as", account, "--as-group", MASTERS),
        input=json.dumps(obj if tenant.installed.stamps else signed),
        check=False,
    ).stderr
