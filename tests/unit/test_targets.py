"""Which URLs may be called by default: every way to spell an address that may not."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amends.executors.addresses import Forbidden, Sort
from amends.executors.targets import DEFAULT_ALLOWED, Targets, origin_of

API_SERVER = ("10.0.0.1", "192.0.2.7", "2001:db8::7", "api.cluster.example")


def default() -> Targets:
    return Targets(DEFAULT_ALLOWED, API_SERVER)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/messages/1?x=1#y",
        "https://api.example.com:8443",
        "HTTPS://API.EXAMPLE.COM/",
        "https://münchen.example/",
        "https://a_b.example.com/",
        "https://10.1.2.3/inside-our-network",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://api.example.com/?mail=a@b.example",
        "https://api.example.com/%2e%2e/@me",
    ],
)
def test_https_may_go_anywhere_by_default(url: str) -> None:
    assert default().objection(url) is None


FORBIDDEN = {
    "loopback": ["127.0.0.1", "127.1.2.3", "[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]"],
    "its names": [
        "localhost",
        "LOCALHOST",
        "x.localhost",
        "ip6-localhost",
        "localhost.localdomain",
    ],
    "unspecified": ["0.0.0.0", "0.1.2.3", "[::]", "[0:0::0]"],
    "link-local": ["169.254.1.1", "[fe80::1]", "[febf::1]"],
    "multicast and broadcast": ["224.0.0.1", "239.1.1.1", "255.255.255.255", "[ff02::1]"],
    "site-local": ["[fec0::1]"],
    "metadata services": [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "[fd00:ec2::254]",
        "[FD00:0EC2:0:0::0254]",
        "[fd20:ce::254]",
    ],
    "their names": [
        "metadata.google.internal",
        "Metadata.Google.Internal",
        "metadata.goog",
        "metadata",
        "instance-data",
        "ｍetadata.google.internal",
        "metadata。google。internal",
    ],
    "the API server": [
        "10.0.0.1",
        "192.0.2.7",
        "[2001:db8::7]",
        "[2001:db8:0::0007]",
        "api.cluster.example",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ],
    "IPv4 in decimal": ["2130706433", "2852039166", "127.1", "127.0.1", "169.16689662"],
    "IPv4 in octal": ["0177.0.0.1", "017700000001", "0177.1", "127.0.0.01", "0251.0376.0251.0376"],
    "IPv4 in hex": [
        "0x7f.0.0.1",
        "0x7f000001",
        "0X7F.1",
        "127.0.0.0x1",
        "0xa9fea9fe",
        "127.0.0.0x",
    ],
    "IPv4 with a dot behind": ["127.0.0.1.", "2130706433.", "127.1."],
    "IPv4 in other digits": ["①②⑦.0.0.1", "１２７.0.0.1", "127。0。0。1", "127．0．0．1"],
    "IPv4 with too many parts": ["127.0.0.1.1", "1.2.3.4.5"],
    "mapped": ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:FFFF:a9fe:a9fe]"],
    "compatible": ["[::127.0.0.1]", "[::7f00:1]", "[::10.0.0.1]"],
    "translated": ["[::ffff:0:127.0.0.1]", "[::ffff:0:a9fe:a9fe]"],
    "6to4": ["[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:a00:1::1]"],
    "NAT64": ["[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::a00:1]", "[64:ff9b:1::1]"],
    "Teredo": ["[2001:0:7f00:1::1]", "[2001:0:4136:e378:8000:63bf:5601:5601]"],
    "ISATAP": ["[2001:db8::5efe:127.0.0.1]", "[2001:db8::200:5efe:a9fe:a9fe]"],
    "zones": ["[fe80::1%25eth0]", "[::1%25lo]", "[fe80::1%eth0]", "[2606:4700::1111%25eth0]"],
    "trailing dots": ["localhost.", "metadata.google.internal.", "api.example.com.", "localhost.."],
    "per cent": ["%31%32%37.0.0.1", "127%2e0.0.1", "localhost%00.example.com", "%6cocalhost"],
    "credentials": [
        "good.example@127.0.0.1",
        "user:pw@example.com",
        "@example.com",
        ":@example.com",
    ],
    "backslashes": ["good.example\\@127.0.0.1", "127.0.0.1\\.good.example"],
    "white space": ["exa mple.com", "local\thost", "local\nhost", " localhost", "127.0.0.1\r\n.x"],
    "no host": [
        "",
        ":443",
        ".",
        "-",
        "a..b",
        "-a.example",
        "[127.0.0.1]",
        "[v1.x]",
        "[::1",
        "a" * 64,
    ],
    "no port": ["example.com:0", "example.com:65536", "example.com:-1", "example.com:x"],
}


@pytest.mark.parametrize(
    "host",
    [pytest.param(host, id=f"{why}: {host!a}") for why in FORBIDDEN for host in FORBIDDEN[why]],
)
@pytest.mark.parametrize("rest", ["/", ":8443/x", "", "?a=b"])
def test_what_no_wildcard_allows(host: str, rest: str) -> None:
    if rest.startswith(":") and ":" in host and not host.endswith("]"):
        rest = "/"
    targets = Targets(("https://*", "http://*", "https://*.example", "http://*:*"), API_SERVER)
    for scheme in ("https", "http", "HTTPS"):
        said = targets.objection(f"{scheme}://{host}{rest}")
        assert said is not None
        assert said.startswith("spec.execution.http.url: ")


@pytest.mark.parametrize(
    "url",
    [
        "/relative",
        "//example.com/",
        "https:/example.com",
        "https:example.com",
        "https:\\\\example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://",
        "",
    ],
)
def test_what_is_no_absolute_http_url(url: str) -> None:
    assert Targets(("https://*", "http://*"), ()).objection(url) is not None


@given(
    st.text(max_size=60) | st.text("htps:/@.[]0127x%\\?#af-", max_size=40).map("https://".__add__)
)
@example("https://\ud800/")
@example("https://[]@")
@example("https://[::ffff:127.0.0.1")
def test_any_text_gets_an_answer(url: str) -> None:
    if default().objection(url) is None:
        host = origin_of(url).host
        assert host == host.lower()
        assert not host.endswith(".")


WRAPPED: dict[str, Callable[[int], int]] = {
    "compatible": lambda bits: bits,
    "mapped": lambda bits: 0xFFFF << 32 | bits,
    "translated": lambda bits: 0xFFFF << 48 | bits,
    "NAT64": lambda bits: 0x64FF9B << 96 | bits,
    "6to4": lambda bits: 0x2002 << 112 | bits << 80,
    "Teredo server": lambda bits: 0x20010000 << 96 | bits << 64,
    "Teredo client": lambda bits: 0x20010000 << 96 | (bits ^ 0xFFFFFFFF),
    "ISATAP": lambda bits: 0x20010DB8 << 96 | 0x5EFE << 32 | bits,
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@given(
    st.ip_addresses(v=4, network="127.0.0.0/8")
    | st.ip_addresses(v=4, network="169.254.0.0/16")
    | st.ip_addresses(v=4, network="224.0.0.0/4")
    | st.sampled_from([IPv4Address("10.0.0.1"), IPv4Address("100.100.100.200")])
)
def test_no_wrapping_hides_an_address(wrap: Callable[[int], int], address: IPv4Address) -> None:
    wrapped = IPv6Address(wrap(int(address)))
    forbidden = Forbidden(API_SERVER)
    assert forbidden.address(wrapped) >= forbidden.address(address) > Sort.PUBLIC
    assert default().objection(f"https://[{wrapped.exploded}]/") is not None
