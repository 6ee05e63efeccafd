"""Requests as a proxy before an API server sees them, and how they are answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from chaos.mirror import Way


@dataclass(frozen=True)
class Asked:
    """One request, by what its path says it is about."""

    method: str
    path: str
    """With its query, as it came."""
    token: str
    body: bytes = field(repr=False)
    resource: str = ""
    namespace: str = ""
    name: str = ""
    part: str = ""
    dry: bool = False
    """Whether it is only to be tried, for no effect."""
    acts_as: str = ""
    """The account of a tenant that asks by way of the operator; empty: the operator itself."""
    way: Way | None = None
    """Where it is passed on to; None: where everything goes."""

    @classmethod
    def of(cls, request: web.Request, body: bytes) -> "Asked":
        """/api/v1/… or /apis/group/version/…, in a namespace or not."""
        steps = request.raw_path.partition("?")[0].strip("/").split("/")
        rest = steps[2:] if steps[0] == "api" else steps[3:]
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        token = request.headers.get("Authorization", "").partition(" ")[2]
        resource, name, part, *_ = [*rest, "", "", ""]
        return cls(
            *(request.method, request.raw_path, token, body),
            *(resource, namespace, name, part),
            dry="dryRun=" in request.raw_path or b'"dryRun"' in body,
            acts_as=request.headers.get("Impersonate-User", ""),
        )

    @property
    def watches(self) -> bool:
        """Whether it asks for a stream of events."""
        return "watch=" in self.path

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def call(self) -> str:
        """What is done, but not to which object."""
        thing = "/".join(filter(None, (self.resource, self.part))) or self.path.partition("?")[0]
        if self.method == "GET":
            return f"{'watch' if self.watches else 'get' if self.name else 'list'} {thing}"
        return f"{'try to ' if self.dry else ''}{self.method} {thing}"


@dataclass(frozen=True)
class Answer:
    """What whoever asked gets. whole: else the connection breaks in the middle of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    whole: bool = True


def refusal(status: int, reason: str, **headers: str) -> Answer:
    """An error as an API server words it."""
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status,
        "reason": reason,
        "message": f"{reason}, because the test says so",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": "application/json", **named}, json.dumps(said).encode())
