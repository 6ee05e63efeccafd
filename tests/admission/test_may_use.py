"""Who plans a request must be allowed to use its Secrets, and the account that reads them."""

from collections.abc import Callable, Sequence

import pytest

from integration.cluster import Refused
from support.api import Object
from support.manifests import action, compensation, disposition, unique
from support.tenant import Installed, Right, Tenant

pytestmark = pytest.mark.controlplane

URL = "https://api.example.com/messages/1"
MOST_SECRETS = 8

ASK: Right = ("amends.dev", "compensations", "create", "")
REPORT: Right = ("amends.dev", "actions", "create", "")
CHANGE: Right = ("amends.dev", "compensations", "patch", "")
RUNNER: Right = ("", "serviceaccounts", "use", "amends-runner")
GET_BOARD: Right = ("", "secrets", "get", "board")
USE_BOARD: Right = ("", "secrets", "use", "board")


def secret(name: str) -> Object:
    return {"secretKeyRef": {"name": name, "key": "token"}}


def header(name: str = "board", of: str = "Authorization") -> Object:
    return {"name": of, "valueFrom": secret(name)}


def request(*headers: Object, body: Sequence[Object] = ()) -> Object:
    sent: Object = {"method": "POST", "url": URL, "headers": list(headers)}
    return {**sent, "body": {}, "bodyFrom": list(body)} if body else sent


PLAIN = {"name": "X-Reason", "value": "a test"}
IN_A_HEADER = request(PLAIN, header())
IN_THE_BODY = request(body=[{"path": "/auth", **secret("board")}])


def undo(http: Object, name: str = "one", **spec: object) -> Object:
    return compensation(name, http=http, **spec)


def reported(http: Object) -> Object:
    return action("one", compensation={"execution": {"http": http}})


def sent_again(http: Object) -> Object:
    return action("one", idempotencyKey="key", retry={"http": http})


def disposed(http: Object) -> Object:
    undo = {"execution": {"http": http}}
    return disposition("one", "letter", choice="Compensate", compensation=undo)


Make = Callable[[Object], Object]
PLACES = pytest.mark.parametrize(
    ("make", "place"),
    [
        pytest.param(undo, "spec.execution", id="Compensation"),
        pytest.param(reported, "spec.compensation.execution", id="Action: compensation"),
        pytest.param(sent_again, "spec.retry", id="Action: retry"),
        pytest.param(disposed, "spec.compensation.execution", id="Disposition"),
    ],
)


@PLACES
@pytest.mark.parametrize(
    ("http", "field"),
    [
        pytest.param(IN_A_HEADER, "http.headers[Authorization]", id="header"),
        pytest.param(IN_THE_BODY, "http.bodyFrom[/auth]", id="body"),
    ],
)
def test_a_secret_that_the_creator_may_neither_get_nor_use_is_refused(
    make: Make, place: str, http: Object, field: str, tenant: Tenant
) -> None:
    obj = make(http)

    with pytest.raises(Refused) as refused:
        tenant.create(obj, "bob")

    assert refused.value.code == 403
    assert (
        f"{place}.{field} refers to Secret board, which bob may neither get nor use: add to a Role "
        f'in namespace {tenant.namespace} {{apiGroups: [""], resources: [secrets], '
        "resourceNames: [board], verbs: [use]}, and bind it"
    ) in str(refused.value)
    assert tenant.every(obj["kind"]) == []


@pytest.fixture(scope="module")
def granted(installed: Installed) -> Tenant:
    """A tenant whose people may use the Secret board."""
    made = installed.tenant(unique("tenant"), annotations={})
    made.people_may("use", "secrets", "board")
    return made


@PLACES
def test_a_secret_that_the_creator_may_use_is_accepted(
    make: Make, place: str, granted: Tenant
) -> None:
    granted.create(make(request(header(), body=[{"path": "/auth", **secret("board")}])), "bob")
    granted.clear()


def test_a_right_to_use_one_secret_is_none_to_use_another(granted: Tenant) -> None:
    both = request(header(of="X-First"), header("other", of="X-Second"), header(of="X-Third"))

    with pytest.raises(
        Refused,
        match=r"spec\.execution\.http\.headers\[X-Second\] refers to Secret other, which bob",
    ):
        granted.create(undo(both), "bob")


def test_who_may_read_a_secret_may_use_it(fresh: Tenant) -> None:
    fresh.let("carol", ASK, RUNNER, GET_BOARD)

    fresh.create(undo(IN_A_HEADER), "carol")


def test_who_may_read_every_secret_may_use_each(tenant: Tenant) -> None:
    tenant.create(undo(IN_A_HEADER), "admin")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            {"execution": {"http": {"url": "https://elsewhere.example.com"}}}, id="address"
        ),
        pytest.param({"execution": {"http": {"body": {"a": 1}}}}, id="body"),
        pytest.param({"serviceAccountName": "other"}, id="account"),
        pytest.param({"retry": {"maxAttempts": 2}}, id="how often"),
    ],
)
def test_whoever_changes_what_is_sent_must_be_allowed_to_use_all_of_it(
    change: Object, fresh: Tenant
) -> None:
    fresh.people_may("use", "secrets", "board")
    fresh.let("carol", CHANGE, RUNNER, ("", "serviceaccounts", "use", "other"))
    fresh.create(undo(IN_A_HEADER), "bob")
    mine = {} if fresh.installed.stamps else {"requester": {"username": "carol"}}

    with pytest.raises(Refused, match="refers to Secret board, which carol may neither get nor"):
        fresh.change("one", "carol", **change, **mine)
    fresh.let("carol", USE_BOARD)
    fresh.change("one", "carol", **change, **mine)


def test_whoever_changes_nothing_of_what_is_sent_needs_no_right_to_it(fresh: Tenant) -> None:
    fresh.people_may("use", "secrets", "board")
    fresh.let("carol", CHANGE)
    fresh.create(undo(IN_A_HEADER), "bob")

    assert fresh.change("one", "carol", cancel=True)["spec"]["cancel"] is True


def test_what_the_operator_proposes_was_asked_of_who_reported_it(tenant: Tenant) -> None:
    proposed = undo(IN_A_HEADER, requester={"username": "bob"}, serviceAccountName="other")

    tenant.create(proposed, "operator")


NAMES = [f"secret-{number}" for number in range(MOST_SECRETS)]


def use(*names: str) -> list[Right]:
    return [("", "secrets", "use", name) for name in names]


def test_each_of_eight_secrets_is_asked_for(fresh: Tenant) -> None:
    fresh.let("carol", ASK, RUNNER, *use(*NAMES[:-1]))
    http = request(*(header(name, of=f"X-{name}") for name in NAMES))

    with pytest.raises(Refused, match="refers to Secret secret-7, which carol may neither get nor"):
        fresh.create(undo(http), "carol")
    fresh.let("carol", *use(NAMES[-1]))
    fresh.create(undo(http), "carol")


def test_one_object_refers_to_at_most_eight_secrets(tenant: Tenant) -> None:
    http = request(*(header(name, of=f"X-{name}") for name in (*NAMES, "one-more")))

    with pytest.raises(
        Refused,
        match="refers to Secret one-more, which is one more than the 8 different Secrets that one "
        "object may refer to: keep what belongs together in one Secret, under several keys",
    ):
        tenant.create(undo(http), "admin")


def test_the_largest_request_is_within_what_the_server_spends_on_one(fresh: Tenant) -> None:
    fresh.let("carol", REPORT, RUNNER, ("", "serviceaccounts", "use", "other"), *use(*NAMES))
    headers = [header(NAMES[n % MOST_SECRETS], of=f"X-{n}-{'h' * 240}") for n in range(32)]
    body = [{"path": f"/{n}/{'p' * 500}", **secret(NAMES[n % MOST_SECRETS])} for n in range(16)]
    http = request(*headers, body=body)
    planned = {"execution": {"http": http}, "serviceAccountName": "amends-runner"}
    retry = {"http": http, "serviceAccountName": "other"}

    fresh.create(action("one", idempotencyKey="key", compensation=planned, retry=retry), "carol")


def accounts(name: str) -> list[tuple[str, Object]]:
    lent: Object = {"serviceAccountName": name}
    http: Object = {"http": request()}
    choice: Object = {"choice": "Compensate", "compensation": lent}
    return [
        ("spec", compensation("one", **lent)),
        ("spec.compensation", action("one", compensation=lent)),
        ("spec.retry", action("one", idempotencyKey="key", retry={**http, **lent})),
        ("spec.compensation", disposition("one", "letter", **choice)),
    ]


@pytest.mark.parametrize(
    ("place", "obj"),
    accounts("powerful"),
    ids=["Compensation", "Action: compensation", "Action: retry", "Disposition"],
)
def test_a_service_account_that_the_creator_may_not_use_is_refused(
    place: str, obj: Object, tenant: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        tenant.create(obj, "bob")

    assert refused.value.code == 403
    assert (
        f"{place}.serviceAccountName is powerful, and bob may not use this service account: bind "
        "ClusterRole amends-responder or amends-automation, or add to a Role in namespace "
        f'{tenant.namespace} {{apiGroups: [""], resources: [serviceaccounts], '
        "resourceNames: [powerful], verbs: [use]}"
    ) in str(refused.value)
    assert tenant.every(obj["kind"]) == []


@pytest.mark.parametrize(
    "obj",
    [obj for _, obj in accounts("amends-runner")],
    ids=["Compensation", "Action: compensation", "Action: retry", "Disposition"],
)
def test_who_responds_may_use_the_runner(obj: Object, tenant: Tenant) -> None:
    tenant.create(obj, "bob")


def test_the_account_is_named_even_where_the_default_names_it(fresh: Tenant) -> None:
    fresh.let("carol", ASK)

    with pytest.raises(Refused, match="serviceAccountName is amends-runner, and carol may not use"):
        fresh.create(compensation("one"), "carol")
    fresh.let("carol", RUNNER)
    fresh.create(compensation("one"), "carol")
