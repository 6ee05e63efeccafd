"""The API server's audit log: who really asked it for what."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amends.api import GROUP
from integration.cluster import OPERATOR
from support.manifests import unique
from support.tenant import SECONDS, Installed
from waiting import wait_for

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Asked:
    """One request that was carried out or refused."""

    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    uri: str
    group: str
    received: str
    impersonated: str
    """Whom it was asked as; empty where it was the operator itself."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name}"


class AuditLog:
    """What the operator asked for since this was made."""

    def __init__(self, installed: Installed) -> None:
        self._installed = installed
        self._file: Path = installed.cp.audit_log
        self._complete()
        self._from = self._file.stat().st_size

    def writes(self, namespace: str) -> list[Asked]:
        """Writes of our kinds in a namespace, oldest first."""
        return [
            one
            for one in self.everything()
            if one.namespace == namespace and one.verb in WRITES and one.group == GROUP
        ]

    def events(self, namespace: str) -> list[Asked]:
        """Events that were written in a namespace."""
        return [
            one
            for one in self.everything()
            if one.namespace == namespace and one.resource == "events"
        ]

    def everything(self) -> list[Asked]:
        """All that is known when this is called."""
        self._complete()
        return sorted(self._parsed(), key=lambda one: one.received)

    def _parsed(self) -> Iterator[Asked]:
        with self._file.open("rb") as lines:
            lines.seek(self._from)
            for line in lines:
                if OPERATOR.encode() not in line:
                    continue
                event = json.loads(line)
                if event["user"]["username"] != OPERATOR or event["stage"] != "ResponseComplete":
                    continue
                about = event.get("objectRef", {})
                part = about.get("subresource")
                resource = about.get("resource", "")
                yield Asked(
                    verb=event["verb"],
                    resource=f"{resource}/{part}" if part else resource,
                    namespace=about.get("namespace", ""),
                    name=about.get("name", ""),
                    code=event["responseStatus"]["code"],
                    uri=event["requestURI"],
                    group=about.get("apiGroup", ""),
                    received=event["requestReceivedTimestamp"],
                    impersonated=event.get("impersonatedUser", {}).get("username", ""),
                )

    def _complete(self) -> None:
        """Wait until the log holds a request of ours that is made now."""
        name = unique("audit-mark")
        path = "/api/v1/namespaces/default/configmaps"
        self._installed.user("admin").call("POST", path, {"metadata": {"name": name}})
        size = max(self._file.stat().st_size - 65536, 0)

        def logged() -> bool:
            with self._file.open("rb") as log:
                log.seek(size)
                return name.encode() in log.read()

        wait_for(logged, seconds=SECONDS, what="the audit log")
