"""The policies are read page by page, and tried out with a request that changes nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from amends.admission import OPERATOR, policies
from amends.admission.standing import BINDING, POLICY, needed
from amends.kube.connection import Connection
from amends.kube.policies import PATHS, WHO_AM_I, KubePolicies
from amends.ports import Gone, Rejected, Standing
from support.api import Object

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CREATED = datetime(2026, 1, 31, 9, tzinfo=UTC)
AGENT = "system:serviceaccount:flux-system:kustomize-controller"
TRIED = "/apis/amends.dev/v1alpha1/namespaces/amends-system/compensations"
DENIED = "ValidatingAdmissionPolicy 'amends-shallow-json' with binding … denied request: too deep"


class Server(Connection):
    """Holds policies, one a page, and answers a try as it is told to."""

    def __init__(
        self, held: list[Object], user: str = OPERATOR, refusal: Exception | None = None
    ) -> None:
        self.held, self.user, self.refusal = held, user, refusal
        self.tried: list[tuple[str, Mapping[str, str] | None]] = []

    @property
    def server_time(self) -> datetime | None:
        return NOON

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
        if path == WHO_AM_I:
            return {"status": {"userInfo": {"username": self.user}}}
        if method == "POST":
            self.tried.append((path, query))
            if self.refusal is not None:
                raise self.refusal
            return body
        (kind,) = (kind for kind, listed in PATHS.items() if listed == path)
        number = int((query or {}).get("continue", "0"))
        of_kind = [one for one in self.held if one["kind"] == kind]
        more = {"continue": str(number + 1)} if number + 1 < len(of_kind) else {}
        items = [{key: of_kind[number][key] for key in ("metadata", "spec")}]
        return {"items": items, "metadata": more}


class Clock:
    """Nobody needs it: the server tells the time."""

    def now(self) -> datetime:
        raise NotImplementedError


def held(operator: str = OPERATOR, agents: tuple[str, ...] = ()) -> list[Object]:
    """All that are needed, as a server holds them."""
    ours = needed(policies(operator, agents)).values()
    created = {"creationTimestamp": "2026-01-31T09:00:00Z"}
    return [{**one, "metadata": {**one["metadata"], **created}} for one in ours]


def of(server: Server, *agents: str) -> KubePolicies:
    return KubePolicies(server, Clock(), "amends-system", agents)


async def test_every_page_is_read() -> None:
    everything = held()

    standing = await of(Server(everything)).standing()
    without_the_last = await of(Server(everything[:-1])).standing()

    assert standing == Standing(gaps=[], changed=CREATED, seen=NOON)
    assert len(without_the_last.gaps) == 1
    assert without_the_last.gaps[0].endswith("is missing")


async def test_the_policies_have_to_name_this_operator_and_these_agents() -> None:
    other = "system:serviceaccount:platform:undo"

    as_another = await of(Server(held(), other)).standing()
    with_an_agent = await of(Server(held()), AGENT).standing()
    right = await of(Server(held(other, (AGENT,)), other), AGENT).standing()

    assert as_another.gaps != []
    assert with_an_agent.gaps == [
        f"{POLICY} amends-people-decide has another spec.variables[0].expression than ours"
    ]
    assert right.gaps == []


async def test_an_operator_that_is_no_service_account_is_told_so() -> None:
    with pytest.raises(Rejected, match="'admin' is no service account: write system:service"):
        await of(Server(held(), "admin")).standing()


async def test_a_policy_that_refuses_a_dry_run_is_obeyed() -> None:
    server = Server(held(), refusal=refused(DENIED))

    assert await of(server).disobeyed() is None
    assert server.tried == [(TRIED, {"dryRun": "All"})]


async def test_a_server_that_lets_everything_by_does_not_obey() -> None:
    assert await of(Server(held())).disobeyed() == (
        "the API server holds them and does not obey: is its admission plug-in "
        "ValidatingAdmissionPolicy turned off?"
    )


async def test_who_is_refused_by_anything_else_knows_nothing() -> None:
    server = Server(held(), refusal=refused("cannot create resource"))

    assert await of(server).disobeyed() == (
        "it cannot be tried out whether the API server obeys them: cannot create resource"
    )
    server.refusal = Gone("404")
    with pytest.raises(Gone):
        await of(server).disobeyed()


def refused(answer: str) -> Rejected:
    why = Rejected(f"POST {TRIED}: 403 {answer}")
    why.answer = answer
    return why


def test_both_kinds_are_read() -> None:
    assert set(PATHS) == {POLICY, BINDING}
