"""A synchronous face over one connection: what the verbs ask the server, failures in words."""

import asyncio
import shlex
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from amends.api import GROUP, VERSION
from amends.cli.asked import ledger
from amends.cli.asked.connecting import Runner, connected
from amends.cli.asked.where import Where
from amends.cli.shown import failures
from amends.cli.shown.failures import Asked, Failure
from amends.cli.shown.me import Me
from amends.cli.shown.step import Typing
from amends.kube.paths import MERGE_PATCH, PLURALS, escaped, path_of
from amends.ports import Fault, Gone, Raw

if TYPE_CHECKING:  # it takes most of the time that a command needs to start
    from amends.kube.connection import Connection

PAGE = 500
SIDE_BY_SIDE = 16
NAMES_TO_COMPARE = 1000

METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

T = TypeVar("T")


class Session:
    """One user on one cluster. Every method raises Failure when it does not go as asked."""

    def __init__(self, runner: Runner, connection: "Connection", where: Where) -> None:
        self._runner = runner
        self._connection = connection
        self.home = where.namespace or connection.namespace or "default"
        """The namespace that a single name is looked up in."""
        self.namespace = None if where.all_namespaces else self.home
        """What lists cover; None for all namespaces."""
        self.flags = "".join(
            f" {option} {shlex.quote(value)}"
            for option, value in (("--context", where.context), ("--kubeconfig", where.given))
            if value
        )
        """What of the command line says which cluster is meant: a command to type needs it."""

    @classmethod
    @contextmanager
    def open(cls, where: Where, *, seconds: float | None = None) -> Iterator["Session"]:
        """Connect as kubectl would: --kubeconfig, $KUBECONFIG, ~/.kube/config, or as the pod.

        Raises:
            TimeoutError: anything took longer than so many seconds, if there is such a limit.
        """
        with Runner(seconds) as runner:
            connection = connected(runner, where)
            try:
                yield cls(runner, connection, where)
            finally:
                runner.run(connection.close())

    def get(self, kind: str, name: str, namespace: str | None = None) -> Raw:
        """The object as it is now; in the home namespace, if nothing else is said."""
        space = namespace or self.home
        found = self.find_one(kind, name, space)
        if found is None:
            asked = self._asked("get", kind, space, name)
            raise failures.not_found(asked, self._names(kind, space))
        return found

    def find_one(self, kind: str, name: str, namespace: str | None = None) -> Raw | None:
        """The object as it is now, None if there is none."""
        space = namespace or self.home
        try:
            found: Raw = self._call(
                self._asked("get", kind, space, name), "GET", path_of(kind, space, name)
            )
        except _NotThere:
            return None
        return found

    def find(
        self, kind: str, fields: Mapping[str, str], namespace: str | None = None
    ) -> Sequence[Raw]:
        """Every object of a kind in one namespace whose selectable fields have these values."""
        selector = ",".join(f"{field}={escaped(value)}" for field, value in fields.items())
        return self.select(kind, selector, namespace or self.home)

    def select(self, kind: str, selector: str, namespace: str | None) -> list[Raw]:
        """Every object that a field selector finds, by name; namespace None for all of them."""
        items, cursor = self.page(kind, selector, namespace)
        while cursor:
            more, cursor = self.page(kind, selector, namespace, cursor=cursor)
            items += more
        return items

    def page(
        self,
        kind: str,
        selector: str,
        namespace: str | None,
        *,
        limit: int = PAGE,
        cursor: str = "",
    ) -> tuple[list[Raw], str]:
        """Objects in the server's own order, by name, and where to go on; "" at the end."""
        query = {"limit": str(limit), "fieldSelector": selector, "continue": cursor}
        answer = self._call(
            self._asked("list", kind, namespace),
            "GET",
            path_of(kind, namespace),
            query={name: value for name, value in query.items() if value},
        )
        typed = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind}
        return [{**typed, **item} for item in answer["items"]], answer["metadata"].get(
            "continue", ""
        )

    def table(self, kind: str, query: Mapping[str, str]) -> ledger.Table:
        """What the namespace, or all of them, hold, as the server's table."""
        return self._table(kind, self.namespace, query)

    def names(self, kind: str, namespace: str | None = None) -> list[str]:
        """Names of a kind in one namespace; of very many, some."""
        query = {"limit": str(NAMES_TO_COMPARE), "includeObject": "None"}
        table = self._table(kind, namespace or self.home, query)
        return [row["cells"][0] for row in table["rows"]]

    def namespaces(self) -> list[str]:
        """Every namespace; none if the user may not list them."""
        listing = self._connection.call("GET", "/api/v1/namespaces", accept=METADATA)
        try:
            found = self._runner.run(listing)
        except Fault:
            return []
        return [item["metadata"]["name"] for item in found["items"]]

    def annotations(self, namespace: str) -> Mapping[str, str] | None:
        """What a namespace says of itself; None if the user may not see it."""
        reading = self._connection.call("GET", f"/api/v1/namespaces/{escaped(namespace)}")
        try:
            found: Mapping[str, str] = self._runner.run(reading)["metadata"].get("annotations", {})
        except Fault:
            return None
        return found

    def get_all(self, kind: str, named: Iterable[tuple[str, str]]) -> list[Raw]:
        """Objects by namespace and name, side by side, in this order; without what is gone."""

        async def one(space: str, name: str) -> Raw | None:
            async with side_by_side:
                try:
                    found: Raw = await self._connection.call("GET", path_of(kind, space, name))
                except Gone:
                    return None
                return found

        async def every() -> list[Raw | None]:
            return await asyncio.gather(*(one(*each) for each in named))

        side_by_side = asyncio.Semaphore(SIDE_BY_SIDE)
        found = self.run(every(), self._asked("get", kind, self.namespace))
        return [raw for raw in found if raw is not None]

    def create(
        self, kind: str, body: Raw, *, namespace: str | None = None, dry_run: bool = False
    ) -> Raw:
        """Create it, or have the server say what it would store."""
        space = namespace or self.home
        created: Raw = self._call(
            self._asked("create", kind, space, body["metadata"].get("name")),
            "POST",
            path_of(kind, space),
            query=_dry(dry_run),
            body={"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, **body},
        )
        return created

    def patch_spec(
        self,
        kind: str,
        name: str,
        spec: Raw,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
    ) -> Raw:
        """Change these fields of spec, or have the server say what would become of it."""
        space = namespace or self.home
        asked = self._asked("patch", kind, space, name)
        try:
            written: Raw = self._call(
                asked,
                "PATCH",
                path_of(kind, space, name),
                query=_dry(dry_run),
                body={"spec": spec},
                content_type=MERGE_PATCH,
            )
        except _NotThere as why:
            raise failures.not_found(asked, self._names(kind, space)) from why
        return written

    def me(self) -> Me:
        """Who we are, as the server authenticated us."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self.run(
            self._connection.call(
                "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review
            ),
            self._asked("create", "Approval", None),
        )
        found = answer["status"]["userInfo"]
        return Me(str(found["username"]), tuple(found.get("groups", ())))

    def command(self, verb: str, what: str = "", options: str = "") -> str:
        """A command to type next, for the same cluster and the home namespace."""
        return self.typing(verb, what, options)

    @property
    def typing(self) -> Typing:
        """How commands to type next are written."""
        return Typing(self.home, self.flags)

    def pause(self, seconds: float) -> None:
        """Do nothing for a while; Ctrl-C ends it."""
        self._runner.run(asyncio.sleep(seconds))

    def nowhere(self, sought: Iterable[str], name: str) -> Failure:
        """No kind has an object of that name."""
        names = {one for kind in sought for one in self._names(kind, self.home)}
        return failures.nowhere(name, names, self.home, self.flags)

    def run(self, work: Awaitable[T], asked: Asked) -> T:
        """Do this on our connection; a Fault becomes the Failure of what was asked."""
        try:
            return self._runner.run(work)
        except Fault as fault:
            raise failures.explain(fault, asked) from fault

    @property
    def connection(self) -> "Connection":
        """For what needs more than the methods here."""
        return self._connection

    def asked(self, verb: str, kind: str, namespace: str | None) -> Asked:
        """What a Failure says was asked."""
        return self._asked(verb, kind, namespace)

    def _table(self, kind: str, space: str | None, query: Mapping[str, str]) -> ledger.Table:
        table: ledger.Table = self._call(
            self._asked("list", kind, space),
            "GET",
            path_of(kind, space),
            query=query,
            accept=ledger.ACCEPT,
        )
        return table

    def _asked(self, verb: str, kind: str, namespace: str | None, name: str | None = None) -> Asked:
        return Asked(verb, kind, namespace, name, self.flags)

    def _call(self, asked: Asked, method: str, path: str, **options: Any) -> Any:
        try:
            return self._runner.run(self._connection.call(method, path, **options))
        except Gone as gone:
            # With a Status it is the object that is missing, without one the whole resource.
            if gone.answer.startswith(f"{PLURALS[asked.kind]}.{GROUP} "):
                raise _NotThere from gone
            if missing := self._missing_kinds():
                raise failures.not_installed(missing) from gone
            raise failures.explain(gone, asked) from gone
        except Fault as fault:
            raise failures.explain(fault, asked) from fault

    def _missing_kinds(self) -> Sequence[str]:
        from amends.kube.cluster import KubeCluster

        cluster = KubeCluster(self._connection)
        try:
            return self._runner.run(cluster.missing_kinds())
        except Fault:  # then what was asked first is what is told
            return []

    def _names(self, kind: str, namespace: str) -> list[str]:
        try:
            return self.names(kind, namespace)
        except Failure:  # who may get may not list: then nothing is suggested
            return []


class _NotThere(Exception):
    """There is no object of that name."""


def _dry(wanted: bool) -> dict[str, str]:
    return {"dryRun": "All"} if wanted else {}
