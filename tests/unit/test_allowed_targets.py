"""What `--allow-target` allows, and what a refusal says."""

import pytest

from amends.executors.targets import DEFAULT_ALLOWED, Targets

API_SERVER = ("10.0.0.1", "192.0.2.7", "2001:db8::7", "api.cluster.example")


@pytest.mark.parametrize(
    ("allowed", "url", "may"),
    [
        ("https://*", "http://api.example.com", False),
        ("http://*", "http://api.example.com:8080", True),
        ("http://*", "https://api.example.com", False),
        ("https://*.example.com", "https://api.example.com", True),
        ("https://*.example.com", "https://a.b.example.com/x", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://badexample.com", False),
        ("https://*.example.com", "https://example.com.evil.example", False),
        ("https://*.example.com", "https://api.example.com:8443", False),
        ("https://*.example.com:*", "https://api.example.com:8443", True),
        ("https://api.example.com", "https://api.example.com:443/x", True),
        ("https://api.example.com", "https://api.example.com:8443", False),
        ("https://api.example.com:8443", "https://api.example.com:8443", True),
        ("https://API.Example.com/", "https://api.EXAMPLE.com", True),
        ("https://*.bücher.example", "https://x.xn--bcher-kva.example", True),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081/x", True),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8082/x", False),
        ("http://127.0.0.1:8081", "https://127.0.0.1:8081/x", False),
        ("http://127.0.0.1:8081", "http://[::ffff:127.0.0.1]:8081/x", False),
        ("http://127.0.0.1:8081", "http://2130706433:8081/x", False),
        ("http://127.0.0.1:*", "http://127.0.0.1:8081/x", False),
        ("http://[::1]:8081", "http://[0:0::1]:8081/x", True),
        ("http://localhost:8081", "http://localhost:8081/x", True),
        ("http://localhost:8081", "http://127.0.0.1:8081/x", False),
        ("http://169.254.169.254", "http://169.254.169.254/latest", True),
        ("https://10.0.0.1:6443", "https://10.0.0.1:6443/api", True),
        ("https://*:*", "https://10.0.0.1:6443/api", False),
    ],
)
def test_what_an_allowed_target_allows(allowed: str, url: str, may: bool) -> None:
    assert (Targets([allowed], API_SERVER).objection(url) is None) is may


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "example.com",
        "ftp://example.com",
        "https://",
        "https://*example.com",
        "https://*.*",
        "https://a.*.example.com",
        "https://example.com/path",
        "https://user@example.com",
        "https://example.com:0",
        "https://example.com:99999",
        "https://127.1",
        "https://example.com.",
    ],
)
def test_a_target_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(ValueError, match="--allow-target"):
        Targets([text], ())


def test_nothing_is_allowed_where_nothing_is_listed() -> None:
    assert Targets((), ()).objection("https://api.example.com") == (
        "spec.execution.http.url: https://api.example.com is not an allowed target. If it should "
        "be, run the operator with --allow-target https://api.example.com"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param(
            "http://api.example.com:8080/x",
            "http://api.example.com:8080 is not an allowed target. Plain http is open to everyone "
            "on the way. If it should be, run the operator with --allow-target "
            "http://api.example.com:8080",
            id="http://api.example.com:8080/x",
        ),
        pytest.param(
            "https://[::1]:8081/x",
            "https://[::1]:8081 is a loopback, link-local, multicast or unspecified address, which "
            "no wildcard allows. If it should be called, run the operator with --allow-target "
            "https://[::1]:8081",
            id="https://[::1]:8081/x",
        ),
        pytest.param(
            "https://169.254.169.254/latest",
            "https://169.254.169.254 is a metadata service or the Kubernetes API server, which no "
            "wildcard allows. If it should be called, run the operator with --allow-target "
            "https://169.254.169.254",
            id="https://169.254.169.254/latest",
        ),
    ],
)
def test_a_refusal_names_field_origin_and_fix(url: str, said: str) -> None:
    assert Targets(DEFAULT_ALLOWED, ()).objection(url) == f"spec.execution.http.url: {said}"
