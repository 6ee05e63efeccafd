"""One authenticated connection to the API server; raw JSON in and out, Faults for errors."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.config import incluster_config

from amends.ports import Conflict, Exists, Fault, Gone, Rejected, Unsure, Waiting

REQUEST_TIMEOUT = 15.0
"""Seconds until an answer counts as lost, unless a connection is told otherwise."""

LIST_TIMEOUT = 60.0
"""Seconds for a list of a kind in all namespaces: a busy server goes through very many objects."""

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Credentials:
    """What another client needs to talk to the same server as the same user."""

    server: str
    ca_file: str | None
    token: str | None
    certificate_file: str | None
    key_file: str | None


class Connection:
    """The official client's transport, without its typed models (they are slow and lossy)."""

    def __init__(
        self,
        configuration: client.Configuration,
        namespace: str | None = None,
        load: Callable[[client.Configuration], Awaitable[object]] | None = None,
    ) -> None:
        self._load = load
        """Reads again, from where they came, who is asking and how that is proved."""
        self.namespace = namespace
        """The namespace of the kubeconfig's context, if it names one; in a pod, the pod's."""
        self.timeout = REQUEST_TIMEOUT
        configuration.connection_pool_maxsize = 64
        # An environment that is trusted is one whose ~/.netrc is read, in a thread, per request.
        configuration.client_session_kwargs = {"trust_env": False}
        self._configuration = configuration
        self._api = client.ApiClient(configuration)
        self._date: str | None = None
        self.listening: Callable[[], Callable[[str | None], None]] = lambda: _nobody_listens
        """Called before each request; what it returns, with the Date of the answer."""

    @classmethod
    async def open(
        cls, kubeconfig: Path | str | None, *, context: str | None = None
    ) -> "Connection":
        """Connect as the kubeconfig (or several, as in $KUBECONFIG) says, else as the pod.

        Raises:
            kubernetes.aio.config.ConfigException: nothing there says how to connect.
        """
        configuration = client.Configuration()
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)
            return cls(configuration, _pod_namespace(), _load_pod)

        async def load(into: client.Configuration) -> Any:
            return await config.load_kube_config(
                config_file=str(kubeconfig), context=context, client_configuration=into
            )

        loaded = await load(configuration)
        return cls(configuration, loaded.current_context["context"].get("namespace"), load)

    async def close(self) -> None:
        """Close its sockets."""
        await self._api.close()

    @property
    def api(self) -> client.ApiClient:
        """For libraries that want the official client."""
        return self._api

    @property
    def server_time(self) -> datetime | None:
        """The server's clock when it last answered (RFC 9110, Date); None if it has not said."""
        return parsedate_to_datetime(self._date) if self._date else None

    async def credentials(self) -> Credentials:
        """As they are now; tokens of service accounts change every hour."""
        settings = (await self._configuration.auth_settings()).get("BearerToken")
        # Of either case: the client writes it small where it read the token of a pod.
        _, _, token = str(settings["value"] if settings else "").partition(" ")
        return Credentials(
            server=self._configuration.host,
            ca_file=self._configuration.ssl_ca_cert,
            token=token.strip() or None,
            certificate_file=self._configuration.cert_file,
            key_file=self._configuration.key_file,
        )

    async def addresses(self) -> frozenset[str]:
        """The IP addresses of the API server, as seen from here."""
        host = urlsplit(self._configuration.host).hostname or ""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return frozenset(str(address[4][0]) for address in found)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        impersonate: str | None = None,
        patience: float | None = None,
    ) -> Any:
        """Send one request and return the parsed answer. patience: seconds, other than `timeout`.

        Raises:
            Fault: by who must act next.
        """
        content = await self.send(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            accept=accept,
            impersonate=impersonate,
            patience=patience,
        )
        return json.loads(content)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        impersonate: str | None = None,
        patience: float | None = None,
    ) -> bytes:
        """Send one request and return the answer as it came. patience: as of `call`.

        Raises:
            Fault: by who must act next.
        """
        seconds = patience or self.timeout
        headers = {"Accept": accept, "Content-Type": content_type}
        if impersonate is not None:
            headers["Impersonate-User"] = impersonate
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        heard = self.listening()
        try:
            response = await self._api.call_api(
                method, url, header_params=headers, body=body, _request_timeout=seconds
            )
            content: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as why:
            fault = _lost(method, path, why)
            late = f"no answer within {seconds:g} s"
            reason = late if isinstance(why, TimeoutError) else str(why)
            fault.answer = f"{self._configuration.host}: {reason}"
            raise fault from why
        self._date = response.headers.get("Date")
        heard(self._date)
        if response.status >= 300:
            fault = _refused(method, path, response.status, response.headers, content)
            fault.status, fault.answer = response.status, _message(content)
            if fault.status == 401:
                await self._reload()
            raise fault
        return content

    async def _reload(self) -> None:
        """The token is refused: a newer one may lie in its file. The next request goes with it."""
        if self._load is None:
            return
        fresh = client.Configuration()
        await self._load(fresh)
        self._configuration.api_key = fresh.api_key
        self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook


async def _load_pod(into: client.Configuration) -> None:
    config.load_incluster_config(client_configuration=into)


def _nobody_listens(date: str | None) -> None:
    pass


class Caller(Protocol):
    """What pages are asked of. A Connection is one."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        patience: float | None = None,
    ) -> Any:
        """Send one request and return the parsed answer."""


async def pages(
    caller: Caller,
    path: str,
    query: Mapping[str, str],
    accept: str = "application/json",
    patience: float | None = None,
) -> AsyncIterator[Any]:
    """Every page of a list, one request after the other. query: with `limit`. patience: for each.

    Raises:
        Fault: by who must act next.
    """
    asked = dict(query)
    while True:
        page = await caller.call("GET", path, query=asked, accept=accept, patience=patience)
        yield page
        if not (token := page["metadata"].get("continue")):
            return
        asked["continue"] = token


def _pod_namespace() -> str | None:
    file = Path(incluster_config.SERVICE_TOKEN_FILENAME).with_name("namespace")
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def _lost(method: str, path: str, why: Exception) -> Fault:
    text = f"{method} {path}: {type(why).__name__} {why}"
    sent = method in WRITES and not isinstance(why, aiohttp.ClientConnectorError)
    return Unsure(text) if sent else Waiting(text)


def _refused(
    method: str, path: str, status: int, headers: Mapping[str, str], content: bytes
) -> Fault:
    text = f"{method} {path}: {status} {_message(content)}"
    match status:
        case 401:
            # Whoever asks for a tenant is the operator: its new token is on its way to its file.
            return Waiting(text)
        case 404:
            return Gone(text)
        case 409:
            return Exists(text) if method == "POST" else Conflict(text)
        case 429 | 503:
            after = headers.get("Retry-After", "")
            return Waiting(text, timedelta(seconds=int(after)) if after.isdecimal() else None)
        case _ if status >= 500:  # a proxy may answer with any of them
            return Unsure(text) if method in WRITES else Waiting(text)
        case _:
            return Rejected(text)


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode(errors="replace")
