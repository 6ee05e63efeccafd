"""Which URLs may be called: judged twice, by the text of the URL and by the address behind it.

The judgement of the text needs no network, so it can be given before anyone approves. The
judgement of the address is made by the resolver that the connection itself uses: the address that
was checked is the one connected to, and a name that changes its mind in between gains nothing.
"""

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from amends.executors.addresses import Forbidden, Sort, as_address

DEFAULT_ALLOWED = ("https://*",)
"""What is allowed where the operator's configuration says nothing."""

_FIELD = "spec.execution.http.url"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATTERN = re.compile(
    r"(?P<scheme>https?)://(?P<wild>\*(?:\.(?=[^*]))?)?(?P<host>[^*/?#@]*?)(?::(?P<port>\d+|\*))?/?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_CREDENTIALS = re.compile(r"[^/?#]*//[^/?#]*@")
_BRACKETS = re.compile(r"[^/?#]*//\[")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\\]")


class TargetRefused(Exception):
    """A name leads to an address that may not be called. The message is for people."""


@dataclass(frozen=True)
class Origin:
    """Scheme, host in its one canonical spelling, and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True)
class Pattern:
    """One `--allow-target`: an origin, with `*` or `*.` before its host, and `*` as its port.

    Without a port it means the port of its scheme; only a bare `*` as host stands for every port.
    """

    scheme: str
    wild: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Raises ValueError with a sentence for whoever configures the operator."""
        match = _PATTERN.fullmatch(text.strip().lower())
        if match is None or not (match["host"] or match["wild"] == "*"):
            raise ValueError(f"--allow-target {text!r} must be an origin: {_examples()}")
        scheme, host, port = match["scheme"], match["host"], match["port"]
        wild = match["wild"] or ""
        if wild == "*" and host:
            raise ValueError(f"--allow-target {text!r}: * stands for whole labels: {_examples()}")
        if host:
            try:
                host = origin_of(f"{scheme}://{host}").host
            except ValueError as error:
                raise ValueError(f"--allow-target {text!r}: {error}") from None
        if port == "*" or (port is None and wild == "*"):
            return cls(scheme, wild, host, None)
        number = int(port) if port else _DEFAULT_PORTS[scheme]
        if not 0 < number < 65536:
            raise ValueError(f"--allow-target {text!r}: port {number} is not between 1 and 65535")
        return cls(scheme, wild, host, number)

    def matches(self, origin: Origin) -> bool:
        """Whether the origin is one of those meant."""
        if origin.scheme != self.scheme or self.port not in (None, origin.port):
            return False
        if self.wild == "*.":
            return origin.host.endswith(f".{self.host}") and as_address(origin.host) is None
        return self.wild == "*" or origin.host == self.host

    @property
    def exact(self) -> bool:
        """Whether it names one host and one port."""
        return not self.wild and self.port is not None


def _examples() -> str:
    return "https://*, https://*.example.com or https://api.example.com:8443"


class Targets:
    """What the operator's configuration allows. Wildcards never lift the rule about addresses."""

    def __init__(self, allowed: Sequence[str], api_server: Iterable[str]) -> None:
        self._allowed = tuple(Pattern.parse(text) for text in allowed)
        self._forbidden = Forbidden(api_server)

    def objection(self, url: str, field: str = _FIELD) -> str | None:
        """Why this URL is never called, from its text alone: no name is resolved."""
        try:
            origin = origin_of(url)
        except ValueError as error:
            return f"{field}: {error}"
        if not any(pattern.matches(origin) for pattern in self._allowed):
            plain = " Plain http is open to everyone on the way." if origin.scheme == "http" else ""
            return (
                f"{field}: {origin} is not an allowed target.{plain} If it should be, "
                f"run the operator with --allow-target {origin}"
            )
        address = as_address(origin.host)
        sort = self._forbidden.name(origin.host)
        if address is not None:
            sort = self._forbidden.address(address)
        if sort > self._lifted(origin):
            return self._refusal(origin, origin.host, sort, field)
        return None

    def resolver(self, url: str, names: AbstractResolver, field: str = _FIELD) -> "GuardedResolver":
        """A resolver for one request to this URL, that gives out only addresses allowed for it."""
        return GuardedResolver(self, origin_of(url), names, field)

    def refuse_address(self, origin: Origin, text: str, field: str = _FIELD) -> None:
        """Raise TargetRefused if what the name resolved to may not be called."""
        address = as_address(text)
        sort = Sort.PRIVILEGED if address is None else self._forbidden.address(address)
        if sort > self._lifted(origin):
            raise TargetRefused(self._refusal(origin, text, sort, field))

    def _lifted(self, origin: Origin) -> Sort:
        """The worst sort of address that the configuration grants to exactly this origin.

        A name that is listed may be local, but whoever controls its DNS must not be able to point
        it at the metadata service: that has to be listed by the address itself (or its own name).
        """
        if not any(pattern.exact and pattern.matches(origin) for pattern in self._allowed):
            return Sort.PUBLIC
        literal = as_address(origin.host) is not None
        known = self._forbidden.name(origin.host) is Sort.PRIVILEGED
        return Sort.PRIVILEGED if literal or known else Sort.LOCAL

    def _refusal(self, origin: Origin, address: str, sort: Sort, field: str) -> str:
        what = (
            "a metadata service or the Kubernetes API server"
            if sort is Sort.PRIVILEGED
            else "a loopback, link-local, multicast or unspecified address"
        )
        if address == origin.host:
            leads, listed = "is", origin
        elif sort is Sort.LOCAL:
            leads, listed = f"leads to {address},", origin
        else:
            leads, listed = f"leads to {address},", Origin(origin.scheme, address, origin.port)
        written = "" if listed == origin else f"write {listed} in the url and "
        return (
            f"{field}: {origin} {leads} {what}, which no wildcard allows. "
            f"If it should be called, {written}run the operator with --allow-target {listed}"
        )


class GuardedResolver(AbstractResolver):
    """Resolves one host for one connection. One address that is refused refuses the name."""

    def __init__(
        self, targets: Targets, origin: Origin, names: AbstractResolver, field: str
    ) -> None:
        self._targets, self._origin, self._names = targets, origin, names
        self._field = field

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the host, all of them checked."""
        answers = await self._names.resolve(host, port, family)
        for answer in answers:
            self._targets.refuse_address(self._origin, answer["host"], self._field)
        return answers

    async def close(self) -> None:
        """Release the resolver behind it."""
        await self._names.close()


def parse(url: str) -> URL:
    """The URL, or ValueError, whatever the text: it may come from a stranger."""
    try:
        return URL(url)
    except IndexError:  # yarl 1.25 on "https://[]@"
        raise ValueError("the host in brackets is empty") from None


def origin_of(url: str) -> Origin:
    """The origin of a URL. Raises ValueError, in words for people, for what has two readings."""
    if _NOT_IN_A_URL.search(url):
        raise ValueError("it holds a space, a backslash or a control character: encode it as %XX")
    try:
        parsed = parse(url)
        host, port = parsed.raw_host or "", parsed.port
    except ValueError:
        raise ValueError("it is no URL: write https://host/path") from None
    if parsed.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("it must be absolute: write https://host/path")
    if _CREDENTIALS.match(url):
        raise ValueError("it must not hold credentials (user:password@): use a header valueFrom")
    if _BRACKETS.match(url) and ":" not in host:
        raise ValueError("the host in brackets is no IPv6 address")
    if not port:
        raise ValueError("port 0 is no port")
    return Origin(parsed.scheme, _canonical(host), port)


def _canonical(host: str) -> str:
    """The host, or ValueError if a resolver may read it otherwise than we do."""
    address = as_address(host)
    if address is not None and "%" not in host:
        return str(address)
    if ":" in host or "%" in host:
        raise ValueError(f"host {host} is written in a way that has two readings: no zones, no %XX")
    if host.endswith("."):
        raise ValueError(f"host {host} ends in a dot: write {host.rstrip('.')}")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise ValueError(f"host {host} is a number: write an IPv4 address as four decimal numbers")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"host {host} is no host name")
    return host
