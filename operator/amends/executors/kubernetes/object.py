"""One object as a tenant's service account sees it: looked at, tried out, changed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amends.api.kubernetes import ChangeOperation, KubernetesExecution
from amends.core.outcome import Preview
from amends.core.records.redaction import redact_text
from amends.executors.kubernetes import changes, requests
from amends.executors.kubernetes.requests import Request
from amends.executors.kubernetes.resources import Resource
from amends.executors.rights import Right, lacking
from amends.ports import Conflict, Fault, Gone, Raw, Rejected, Tenants, Unsure, Waiting, Work

_TAKES_OVER = "Apply failed with "
_OWNER = re.compile(r'conflicts? with ("[^"]+")(?: with subresource "[^"]+")? using [^:]+:')
_VERBS = {
    ChangeOperation.APPLY: "get, create, patch",
    ChangeOperation.PATCH: "get, patch",
    ChangeOperation.DELETE: "get, delete",
}


@dataclass(frozen=True)
class Foreseen:
    """What the change would do to the object as it was before.

    request: what does it; None: nothing is left to do. after: the object then. taken: the fields
    that are taken over, and from whom.
    """

    request: Request | None
    after: Raw | None
    preview: Preview
    taken: Sequence[str] = ()


class TenantObject:
    """The object that a plan names. Every method raises a Fault when it does not go as asked."""

    def __init__(
        self, tenants: Tenants, resource: Resource, work: Work, change: KubernetesExecution
    ) -> None:
        self._tenants = tenants
        self._resource = resource
        self._work = work
        self._change = change
        self.manager = requests.manager(work.idempotency_key)

    async def get(self) -> Raw | None:
        """As it is now, None if there is none."""
        try:
            found: Raw = await self._call("GET", self._resource.path(self._change.name))
        except Gone:
            return None
        return found

    async def foresee(self, before: Raw | None) -> Foreseen:
        """What the change would do now, tried out by the server for no effect."""
        if self._resource.has_status and requests.touches_status(self._change):
            raise Rejected(
                f"status of {self._change.kind} is written through a resource of its own, and "
                "ignored in every other change: leave status out"
            )
        match self._change.operation:
            case ChangeOperation.DELETE:
                return await self._deletion(before)
            case ChangeOperation.PATCH if before is None:
                raise Rejected(
                    f"{self} does not exist: there is nothing to patch; create it, or choose "
                    "operation Apply"
                )
            case ChangeOperation.PATCH:
                return await self._tried(before, self._write(before))
            case ChangeOperation.APPLY:
                return await self._application(before)

    async def send(self, request: Request) -> Raw:
        """Make the change."""
        answer: Raw = await self._call(
            request.method,
            request.path,
            query=request.query,
            body=request.body,
            content_type=request.content_type,
        )
        return answer

    def is_marked(self, now: Raw) -> bool:
        """Whether this very undo has left its field manager on the object."""
        managers = now["metadata"].get("managedFields", [])
        return any(one.get("manager") == self.manager for one in managers)

    def __str__(self) -> str:
        change = self._change
        return f"{change.kind} {change.name} of namespace {self._work.namespace}"

    async def _deletion(self, before: Raw | None) -> Foreseen:
        preview = changes.preview
        operation = ChangeOperation.DELETE
        if before is None:
            return Foreseen(None, None, preview(operation, None, [], []))
        found = changes.removed(before)
        request = self._write(before)
        await self.send(request.dry)
        return Foreseen(request, None, preview(operation, before, found, []))

    async def _application(self, before: Raw | None) -> Foreseen:
        """Force only where something is taken over, and only where people approve that."""
        plain = self._write(before)
        try:
            return await self._tried(before, plain)
        except Conflict as why:
            taken = _taken_over(why)
            if not taken:
                raise
            if not self._change.refuses_drift:
                raise Rejected(
                    f"it would take over {'; '.join(taken)}: leave these fields out of manifest, "
                    "or choose previewDrift: Refuse, so that people approve that"
                ) from why
        return await self._tried(before, self._write(before, force=True), taken)

    async def _tried(
        self, before: Raw | None, request: Request, taken: Sequence[str] = ()
    ) -> Foreseen:
        after = await self.send(request.dry)
        found = changes.changes(before or {}, after)
        preview = changes.preview(self._change.operation, before, found, taken)
        # Where it is so already, not even the ownership of fields is changed.
        left = request if before is None or found else None
        return Foreseen(left, after, preview, taken)

    def _write(self, before: Raw | None, *, force: bool = False) -> Request:
        return requests.write(self._change, self._resource, before, self.manager, force=force)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        try:
            return await self._tenants.call(
                method,
                path,
                self._work.namespace,
                self._work.service_account,
                query=query,
                body=body,
                content_type=content_type,
            )
        except Gone as why:
            if f'"{self._change.name}" not found' in why.answer:
                raise
            # Not the object is missing but its place: a version that is served no longer.
            raise Rejected(f"the API server does not know where {self} is: {why.answer}") from why
        except Rejected as why:
            raise self._refused(why) from why
        except (Unsure, Waiting) as why:
            why.answer = self._said(why) if why.status is not None else why.answer
            raise

    def _refused(self, why: Rejected) -> Rejected:
        """The refusal in words for who planned it: what may not be done, and what would let it."""
        text = lacking(why, self._work, self._fix)
        if text is None:
            text = f"the API server refuses it: {self._said(why)}"
        refused = Rejected(text)
        refused.status, refused.answer = why.status, text
        return refused

    def _fix(self, right: Right) -> str:
        return (
            f"{right.verb} {right.resource} {self._change.name}: add to a Role in namespace "
            f'{self._work.namespace} {{apiGroups: ["{right.group}"], resources: '
            f"[{right.resource}], verbs: [{_VERBS[self._change.operation]}]}}, and bind it to the "
            "account"
        )

    def _said(self, why: Fault) -> str:
        if self._change.kind == "Secret" and why.status != 403:
            return f"{why.status}; what it says of a Secret is not shown"
        return redact_text(why.answer or str(why))


def _taken_over(why: Conflict) -> list[str]:
    """Fields that other managers own, as the server lists them: `.data.color from "kubectl"`."""
    if not why.answer.startswith(_TAKES_OVER):
        return []
    taken, owner = [], ""
    for line in why.answer.split("\n"):
        if (named := _OWNER.search(line)) is not None:
            owner = named[1]
            line = line[named.end() :]
        if field := line.strip().removeprefix("- "):
            taken.append(f"{field} from {owner}")
    return sorted(taken)
