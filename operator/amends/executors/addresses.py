"""Which addresses may not be called by default, however they are spelled or wrapped."""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


class Sort(IntEnum):
    """How bad an address is. The operator's configuration lifts the lower sort more easily."""

    PUBLIC = 0
    LOCAL = 1
    """The operator's own host or link, or no single host at all."""
    PRIVILEGED = 2
    """Hands out credentials to whoever can reach it: metadata services and the API server."""


_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, OpenStack, DigitalOcean, Oracle
        "169.254.169.253",  # AWS, its resolver
        "169.254.170.2",  # AWS, task credentials
        "169.254.170.23",  # AWS, pod identity
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS, pod identity
        "fd20:ce::254",  # Google
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure, its host agent
        "192.0.0.192",  # Oracle, classic
    )
)

_PRIVILEGED_NAMES = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    }
)

_LOCAL_NAMES = frozenset(
    {"ip6-localhost", "ip6-loopback", "localhost", "localhost.localdomain", "localhost6"}
)

# "This network": 0.0.0.0 reaches the host itself on Linux. 240.0.0.0/4 holds the broadcast address.
_LOCAL_V4 = tuple(IPv4Network(text) for text in ("0.0.0.0/8", "240.0.0.0/4"))
# Site-local is deprecated, and 64:ff9b:1::/48 means whatever the local network says it means.
_LOCAL_V6 = tuple(IPv6Network(text) for text in ("fec0::/10", "64:ff9b:1::/48"))

# IPv6 prefixes whose last 32 bits are an IPv4 address that some router or kernel will reach.
_V4_IN_LAST_BITS = tuple(
    IPv6Network(text)
    for text in (
        "::/96",  # compatible
        "::ffff:0:0/96",  # mapped
        "::ffff:0:0:0/96",  # translated (SIIT)
        "64:ff9b::/96",  # NAT64
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)


class Forbidden:
    """Sorts addresses and names. Knows the API server's addresses beside the well-known ones."""

    def __init__(self, api_server: Iterable[str]) -> None:
        addresses, names = set(_METADATA), set(_PRIVILEGED_NAMES)
        for text in api_server:
            address = as_address(text)
            if address is None:
                names.add(text.rstrip(".").lower())
            else:
                addresses.add(address)
        self._addresses, self._names = frozenset(addresses), frozenset(names)

    def address(self, address: Address) -> Sort:
        """The worst sort among the address and all that it wraps."""
        return max(self._plain(each) for each in unwrapped(address))

    def name(self, name: str) -> Sort:
        """What can be told from a name without resolving it."""
        if name in self._names or name.startswith("kubernetes.default.svc."):
            return Sort.PRIVILEGED
        if name in _LOCAL_NAMES or name.endswith(".localhost"):
            return Sort.LOCAL
        return Sort.PUBLIC

    def _plain(self, address: Address) -> Sort:
        if address in self._addresses:
            return Sort.PRIVILEGED
        ranges = _LOCAL_V4 if isinstance(address, IPv4Address) else _LOCAL_V6
        local = (
            address.is_loopback
            or address.is_link_local
            or address.is_unspecified
            or address.is_multicast
            or any(address in network for network in ranges)
        )
        return Sort.LOCAL if local else Sort.PUBLIC


def as_address(text: str) -> Address | None:
    """The address a text spells in full, with or without brackets; None for anything else."""
    try:
        return ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def unwrapped(address: Address) -> Iterator[Address]:
    """The address, and every IPv4 address that it carries."""
    if isinstance(address, IPv4Address):
        yield address
        return
    bare = IPv6Address(int(address))  # without its zone, which would make it unequal
    yield bare
    bits = int(bare)
    last = IPv4Address(bits & 0xFFFFFFFF)
    # :: and ::1 are no wrapped 0.0.0.0 and 0.0.0.1, but both are refused by themselves.
    if any(bare in network for network in _V4_IN_LAST_BITS) or (
        (bits >> 32) & 0xFFFFFFFF in _ISATAP
    ):
        yield last
    if bare.sixtofour is not None:
        yield bare.sixtofour
    if bare.teredo is not None:
        yield from bare.teredo
