"""Who plans a request answers for every Secret in it, wherever it is named."""

from collections.abc import Callable

import pytest

from integration.cluster import Refused
from support.api import Object
from support.manifests import action, compensation, disposition, unique
from support.tenant import Installed, Right, Tenant

pytestmark = pytest.mark.controlplane

ASK: Right = ("amends.dev", "compensations", "create", "")
CHANGE: Right = ("amends.dev", "compensations", "patch", "")
REPORT: Right = ("amends.dev", "actions", "create", "")
RUNNER: Right = ("", "serviceaccounts", "use", "amends-runner")
URL = "https://api.example.com/messages/1"


def key_of(name: str) -> Object:
    return {"name": name, "key": "pem"}


def oauth2(client: str = "board", **more: object) -> Object:
    secret = {"clientId": "amends", "clientSecretFrom": key_of(client)}
    return {"oauth2": {"tokenUrl": "https://id.example.com/token", **secret, **more}}


def tls(certificate: str = "board", key: str = "board", **more: object) -> Object:
    return {"tls": {"certificate": key_of(certificate), "key": key_of(key), **more}}


HEADER = {
    "headers": [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "board", "key": "k"}}}]
}
FROM_A_SECRET: Object = {
    "oauth2": {
        "tokenUrl": "https://id.example.com/token",
        "clientIdFrom": key_of("board"),
        "clientSecretFrom": key_of("board"),
    }
}
NAMED = [
    pytest.param(HEADER, "headers[X-Key]", id="header"),
    pytest.param(FROM_A_SECRET, "oauth2.clientIdFrom", id="client id"),
    pytest.param(oauth2(), "oauth2.clientSecretFrom", id="client secret"),
    pytest.param(oauth2("mine", **tls()), "oauth2.tls.certificate", id="issuer: certificate"),
    pytest.param(oauth2("mine", **tls("mine")), "oauth2.tls.key", id="issuer: key"),
    pytest.param(
        oauth2("mine", **tls("mine", "mine", ca=key_of("board"))), "oauth2.tls.ca", id="issuer: ca"
    ),
    pytest.param(tls(), "tls.certificate", id="certificate"),
    pytest.param(tls("mine"), "tls.key", id="key"),
    pytest.param(tls("mine", "mine", ca=key_of("board")), "tls.ca", id="ca"),
]


def undo(http: Object) -> Object:
    return compensation("one", http={"url": URL, **http})


def probed(http: Object) -> Object:
    return compensation("one", verify={"http": {"url": URL, **http}})


def reported(http: Object) -> Object:
    return action(
        "one", compensation={"execution": {"http": {"method": "POST", "url": URL} | http}}
    )


def reported_with_a_probe(http: Object) -> Object:
    plan = {"execution": {"record": {}}, "verify": {"http": {"url": URL, **http}}}
    return action("one", compensation=plan)


def sent_again(http: Object) -> Object:
    sent = {"method": "POST", "url": URL, **http}
    return action("one", idempotencyKey="key", retry={"http": sent})


def sent_again_and_probed(http: Object) -> Object:
    sent = {"http": {"method": "POST", "url": URL}, "verify": {"http": {"url": URL, **http}}}
    return action("one", idempotencyKey="key", retry=sent)


def disposed_with_a_probe(http: Object) -> Object:
    plan = {"execution": {"record": {}}, "verify": {"http": {"url": URL, **http}}}
    return disposition("one", "letter", choice="Compensate", compensation=plan)


Make = Callable[[Object], Object]
PLACES = pytest.mark.parametrize(
    ("make", "place"),
    [
        pytest.param(undo, "spec.execution", id="Compensation"),
        pytest.param(probed, "spec.verify", id="Compensation: probe"),
        pytest.param(reported, "spec.compensation.execution", id="Action: compensation"),
        pytest.param(reported_with_a_probe, "spec.compensation.verify", id="Action: its probe"),
        pytest.param(sent_again, "spec.retry", id="Action: retry"),
        pytest.param(sent_again_and_probed, "spec.retry.verify", id="Action: probe of a retry"),
        pytest.param(disposed_with_a_probe, "spec.compensation.verify", id="Disposition: probe"),
    ],
)


@PLACES
@pytest.mark.parametrize(("http", "field"), NAMED)
def test_a_secret_that_its_author_may_neither_get_nor_use_is_refused(
    make: Make, place: str, http: Object, field: str, mine: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        mine.create(make(http), "bob")

    assert refused.value.code == 403
    assert (
        f"{place}.http.{field} refers to Secret board, which bob may neither get nor use: add to a "
        f'Role in namespace {mine.namespace} {{apiGroups: [""], resources: [secrets], '
        "resourceNames: [board], verbs: [use]}, and bind it"
    ) in str(refused.value)


@pytest.fixture(scope="module")
def mine(installed: Installed) -> Tenant:
    """A tenant whose people may use the Secret mine, and no other."""
    made = installed.tenant(unique("tenant"), annotations={})
    made.people_may("use", "secrets", "mine")
    return made


@PLACES
def test_all_of_it_is_accepted_from_who_may_use_it(make: Make, place: str, mine: Tenant) -> None:
    trusted = tls("mine", "mine", ca=key_of("mine"))
    mine.create(make({**oauth2("mine", **trusted), **trusted}), "bob")
    mine.clear()


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda plan: compensation("one", **plan), "spec.execution"),
        (lambda plan: action("one", compensation=plan), "spec.compensation.execution"),
    ],
    ids=["Compensation", "Action"],
)
def test_a_secret_for_a_plug_in_is_asked_for_as_well(make: Make, place: str, mine: Tenant) -> None:
    named = {"name": "token", "secretKeyRef": {"name": "board", "key": "token"}}
    plan: Object = {"execution": {"plugIn": {"name": "pager", "secrets": [named]}}}

    with pytest.raises(Refused) as refused:
        mine.create(make(plan), "bob")

    assert f"{place}.plugIn.secrets[token] refers to Secret board, which bob" in str(refused.value)


def test_whoever_turns_a_probe_elsewhere_must_be_allowed_to_use_its_secrets(fresh: Tenant) -> None:
    fresh.people_may("use", "secrets", "board")
    fresh.let("carol", CHANGE, RUNNER)
    fresh.create(probed(HEADER), "bob")
    elsewhere: Object = {"verify": {"http": {"url": "https://elsewhere.example.com"}}}
    requester = {} if fresh.installed.stamps else {"requester": {"username": "carol"}}

    with pytest.raises(Refused, match="refers to Secret board, which carol may neither get nor"):
        fresh.change("one", "carol", **elsewhere, **requester)


def test_the_largest_plan_is_within_what_the_server_spends_on_one(fresh: Tenant) -> None:
    names = [f"secret-{number}" for number in range(8)]
    fresh.let("carol", REPORT, RUNNER, *(("", "secrets", "use", name) for name in names))
    headers = [
        {"name": f"X-{n}-{'h' * 240}", "valueFrom": {"secretKeyRef": key_of(names[n % 8])}}
        for n in range(32)
    ]
    body = [{"path": f"/{n}/{'p' * 500}", "secretKeyRef": key_of(names[n % 8])} for n in range(16)]
    trusted = tls(*names[:2], ca=key_of(names[2]))
    call = {"url": URL, "headers": headers, **oauth2(names[3], **trusted), **trusted}
    sent = {**call, "method": "POST", "body": {}, "bodyFrom": body}
    probe = {"http": call}
    plan, retry = {"execution": {"http": sent}, "verify": probe}, {"http": sent, "verify": probe}

    fresh.create(action("one", idempotencyKey="key", compensation=plan, retry=retry), "carol")
