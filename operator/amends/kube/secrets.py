"""Secrets of a tenant, read with the rights of the tenant's own service account."""

import base64

from amends.ports import Gone, Rejected, Tenants


class TenantSecrets:
    """The Secrets port: a Compensation can read what its service account may."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        """The value of one key.

        Raises:
            Rejected: it may not be read, does not exist or is not text; never holds the value.
        """
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        try:
            secret = await self._tenants.call("GET", path, namespace, service_account)
        except Gone as why:
            raise Rejected(f"Secret {name} does not exist in namespace {namespace}") from why
        except Rejected as why:
            raise Rejected(
                f"service account {service_account} may not read Secret {name}: grant it "
                f"`get` on that Secret ({why})"
            ) from why
        data = secret.get("data", {})
        if key not in data:
            raise Rejected(f"Secret {name} has no key {key}; it has {', '.join(sorted(data))}")
        try:
            return base64.b64decode(data[key]).decode()
        except UnicodeDecodeError as why:
            raise Rejected(f"key {key} of Secret {name} is not UTF-8 text") from why
