"""The API server, asked with the rights of a tenant's own service account."""

from collections.abc import Mapping
from typing import Any

from amends.kube.connection import Connection


class ImpersonatedTenants:
    """The Tenants port: plain impersonation, so an undo can do no more than its account may."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def call(
        self,
        method: str,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send one request as that service account and return the parsed answer."""
        return await self._connection.call(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            impersonate=_user(namespace, service_account),
        )

    async def text(
        self,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """GET what is no JSON, for example logs."""
        content = await self._connection.send(
            "GET",
            path,
            query=query,
            accept="text/plain, */*",
            impersonate=_user(namespace, service_account),
        )
        return content.decode(errors="replace")


def _user(namespace: str, service_account: str) -> str:
    return f"system:serviceaccount:{namespace}:{service_account}"
