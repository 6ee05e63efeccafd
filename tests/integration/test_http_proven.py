"""Who asks is proved from Secrets, and what an answer says decides, on a real API server."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support.api import Object
from support.manifests import action, disposition, unapproved, unique
from support.tenant import StartOperator, Tenant, condition
from tls import Authority

pytestmark = pytest.mark.controlplane

SECRET, TOKEN = "s3cret-of-the-client", "t0ken-of-the-issuer"


class Site:
    """An issuer of tokens, and a service that takes them: always 200, and pending at first."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.states = ["pending", "closed"]

    def answer(self, path: str, authorization: str) -> Object:
        """What a request gets."""
        self.asked.append((path, authorization.split(" ")[0]))
        if path == "/token":
            return {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 600}
        known = authorization == f"Bearer {TOKEN}"
        return {"state": self.states.pop(0) if known else "who are you?", "said": authorization}


@contextmanager
def served(site: Site, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            said = json.dumps(
                site.answer(self.path, self.headers.get("Authorization", ""))
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *said: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def origin(site: Site, start: StartOperator) -> Iterator[str]:
    """Where the site is, for an operator that may call it."""
    with served(site) as origin, start("--allow-target", origin):
        yield origin


def request(origin: str) -> Object:
    return {
        "method": "POST",
        "url": f"{origin}/close",
        "oauth2": {
            "tokenUrl": f"{origin}/token",
            "clientId": "amends",
            "clientSecretFrom": {"name": "client", "key": "secret"},
        },
        "assertions": [{"path": "$.state", "equals": "closed"}],
        "otherwise": "NotApplied",
    }


def test_an_action_is_sent_again_with_a_token_and_its_answer_has_to_hold(
    tenant: Tenant, origin: str, site: Site
) -> None:
    tenant.secret("client", secret=SECRET)
    tenant.runner_may_read("client")
    tenant.people_may("use", "secrets", "client")
    retry = {"http": request(origin)}
    tenant.create(action("close", idempotencyKey=unique("key"), retry=retry))
    letter = tenant.ready("Action", "close", "Recorded")["status"]["deadLetterRef"]["name"]

    tenant.create(disposition("again", letter, choice="Retry"))
    tenant.wait_until(
        "DeadLetter", letter, lambda one: "pending" in json.dumps(one.get("status", {}))
    )
    tenant.create(disposition("once-more", letter, choice="Retry"))
    tenant.ready("DeadLetter", letter, "Resolved")

    assert site.asked == [("/token", "Basic"), ("/close", "Bearer"), ("/close", "Bearer")]
    everything = json.dumps([tenant.every(kind) for kind in ("Action", "DeadLetter", "Receipt")])
    assert SECRET not in everything
    assert TOKEN not in everything


def demanding(authority: Authority, folder: Path) -> ssl.SSLContext:
    """What takes nobody without a certificate of this authority, and has one of it itself."""
    own, pem = authority.issue(), folder / "server.pem"
    pem.write_text(own.certificate + own.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=authority.certificate)
    return tls


def test_a_service_that_wants_a_certificate_is_shown_that_of_the_tenants_secret(
    tenant: Tenant, start: StartOperator, site: Site, tmp_path: Path
) -> None:
    authority = Authority()
    client = authority.issue()
    tenant.secret("pki", crt=client.certificate, key=client.key, ca=authority.certificate)
    tenant.runner_may_read("pki")
    tenant.people_may("use", "secrets", "pki")
    tls = {
        "certificate": {"name": "pki", "key": "crt"},
        "key": {"name": "pki", "key": "key"},
        "ca": {"name": "pki", "key": "ca"},
    }
    with (
        served(site, demanding(authority, tmp_path)) as origin,
        start("--allow-target", origin) as operator,
    ):
        close = {"url": f"{origin}/close"}
        tenant.create(unapproved("shown", http={**close, "tls": tls}))
        tenant.in_phase("shown", "Completed")
        tenant.create(unapproved("not-shown", http={**close, "tls": {"ca": tls["ca"]}}))
        tenant.ready("Compensation", "not-shown", "OutcomeUnknown")

    assert site.asked == [("/close", "")]
    everything = json.dumps([tenant.every(kind) for kind in ("Compensation", "Receipt")])
    said = everything + operator.log.read_text()
    assert [line for line in client.key.splitlines()[1:-1] if line in said] == []


def test_a_path_that_is_none_is_said_before_anybody_approves(tenant: Tenant, origin: str) -> None:
    broken = {"url": f"{origin}/x", "assertions": [{"path": "state"}]}
    undo = unapproved("undo", http={"url": f"{origin}/x"}, verify={"http": broken})
    tenant.create(undo)

    stalled = tenant.ready("Compensation", "undo", "NotExecutable")

    assert condition(stalled, "Stalled")["message"].startswith(
        "spec.verify.http.assertions[0].path: state: it is no JSONPath (RFC 9535)"
    )
