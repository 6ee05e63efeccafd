"""The API server as one user sees it: JSON in, JSON out, refusals as exceptions."""

import json
import ssl
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from amends.api import GROUP, VERSION
from integration.cluster import PLURALS, Refused

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"


class Api:
    """One connection, as the user of a kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        content = json.loads(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        authority = b64decode(cluster["certificate-authority-data"]).decode()
        self._server: str = cluster["server"]
        self._token: str = content["users"][0]["user"]["token"]
        self._pool = urllib3.PoolManager(
            ssl_context=ssl.create_default_context(cadata=authority), maxsize=16, retries=False
        )

    def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        """The parsed answer. Raises Refused with what the server said."""
        answer = self._pool.request(
            method,
            self._server + path + (f"?{urlencode(query)}" if query else ""),
            body=json.dumps(body) if body is not None else None,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": content_type,
                **(headers or {}),
            },
        )
        parsed: Object = json.loads(answer.data)
        if answer.status >= 300:
            raise Refused(parsed)
        return parsed

    def history(self, path: str, name: str, since: str) -> Iterator[Object]:
        """Every version of an object after a resource version, as a watch tells of them."""
        query = {"watch": "1", "fieldSelector": f"metadata.name={name}", "resourceVersion": since}
        answer = self._pool.request(
            "GET",
            f"{self._server}{path}?{urlencode(query)}",
            headers={"Authorization": f"Bearer {self._token}"},
            preload_content=False,
            timeout=urllib3.Timeout(total=30),
        )
        try:
            for line in answer:
                yield json.loads(line)["object"]
        finally:
            answer.close()

    def close(self) -> None:
        """Close its sockets."""
        self._pool.clear()


def collection_of(obj: Object) -> str:
    """Where an object of Kubernetes' own kinds is created."""
    group = f"apis/{obj['apiVersion']}" if "/" in obj["apiVersion"] else f"api/{obj['apiVersion']}"
    namespace = obj["metadata"].get("namespace")
    inside = f"namespaces/{namespace}/" if namespace is not None else ""
    return f"/{group}/{inside}{obj['kind'].lower()}s"


def path_of(kind: str, namespace: str, name: str | None = None, part: str | None = None) -> str:
    """Where objects of our kinds are, or one of them, or a subresource of it."""
    steps = ["/apis", GROUP, VERSION, "namespaces", namespace, PLURALS[kind], name, part]
    return "/".join(step for step in steps if step is not None)
