"""The admission policies on the server: read whole, and tried out by a request without effect."""

from collections.abc import Sequence
from typing import Any

from amends.admission import policies
from amends.admission.standing import BINDING, POLICY, last_change, shortcomings
from amends.api import GROUP, VERSION
from amends.kube.connection import Connection, pages
from amends.kube.paths import path_of
from amends.ports import Clock, Rejected, Standing

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PATHS = {
    POLICY: f"{ADMISSION}/validatingadmissionpolicies",
    BINDING: f"{ADMISSION}/validatingadmissionpolicybindings",
}
WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
PAGE = 500

TOO_DEEP = 22
REFUSED_BY_OURS = "ValidatingAdmissionPolicy 'amends-"


class KubePolicies:
    """The Policies port over one connection.

    namespace: where the test is made; nothing is stored there. gitops_agents: accounts that the
    policies let decide in the name of people.
    """

    def __init__(
        self, connection: Connection, clock: Clock, namespace: str, gitops_agents: Sequence[str]
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._namespace = namespace
        self._gitops_agents = gitops_agents
        self._expected: list[dict[str, Any]] | None = None

    async def standing(self) -> Standing:
        """How they stand now: all of them are listed, so what is altered cannot hide."""
        if self._expected is None:
            self._expected = await self._ours()
        found = [one for kind in PATHS for one in await self._every(kind)]
        return Standing(
            gaps=shortcomings(self._expected, found),
            changed=last_change(self._expected, found),
            seen=self._connection.server_time or self._clock.now(),
        )

    async def disobeyed(self) -> str | None:
        """Create, as a dry run, a Compensation that is nested too deep for amends-shallow-json.

        The operator has the right to, so that it is a policy that refuses it, and not RBAC.
        """
        path = path_of("Compensation", self._namespace)
        try:
            await self._connection.call("POST", path, query={"dryRun": "All"}, body=_too_deep())
        except Rejected as why:
            if REFUSED_BY_OURS in why.answer:
                return None
            return f"it cannot be tried out whether the API server obeys them: {why.answer}"
        return (
            "the API server holds them and does not obey: is its admission plug-in "
            "ValidatingAdmissionPolicy turned off?"
        )

    async def _ours(self) -> list[dict[str, Any]]:
        try:
            return policies(await self._account(), self._gitops_agents)
        except ValueError as why:
            raise Rejected(f"the policies name the operator's account: {why}") from why

    async def _account(self) -> str:
        """The name that the server knows the operator by."""
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self._connection.call("POST", WHO_AM_I, body=asked)
        return str(answer["status"]["userInfo"]["username"])

    async def _every(self, kind: str) -> list[dict[str, Any]]:
        asked = pages(self._connection, PATHS[kind], {"limit": str(PAGE)})
        return [{"kind": kind, **item} async for page in asked for item in page["items"]]


def _too_deep() -> dict[str, Any]:
    body: Any = "bottom"
    for _ in range(TOO_DEEP):
        body = {"deeper": body}
    http = {"method": "POST", "url": "https://example.com/", "body": body}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Compensation",
        "metadata": {"name": "are-the-policies-obeyed"},
        "spec": {"targetEffect": "none", "execution": {"http": http}},
    }
