"""Row D4: what no longer parses is left as it is, is reported, and stops nobody else."""

import json
from collections.abc import Callable, Iterator

import pytest

import installation
from amends.api import GROUP, KINDS
from cluster import Cluster
from controlplane import ControlPlane
from integration.objects import LEAST
from support import manifests
from support.api import Object
from support.tenant import SECONDS, Installed, StartOperator, Tenant, condition
from support.upkeep import free_address, metric, told
from waiting import wait_for

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """A control plane of its own: its CRDs are replaced, and brought back."""
    with ControlPlane.start() as cp:
        everything = Installed(cp, installation.install(cp))
        yield everything
        everything.close()


OLD: dict[str, tuple[Object, str]] = {
    "Action": ({"outcome": "failed"}, "spec.operation: Field required"),
    "DeadLetter": (
        {**LEAST["DeadLetter"], "source": "hearsay", "attempts": "many"},
        "spec.source: Input should be 'tool_effect' or 'compensation'",
    ),
    "Compensation": (
        {"targetEffect": "effect-old", "direction": "Sideways", "execution": {"record": {}}},
        "spec.direction: Input should be 'Rollback' or 'ForwardFix'",
    ),
    "Approval": (
        {"subjectRef": {"name": "undo"}, "decision": "Approve"},
        "spec.planDigest: Field required",
    ),
    "Disposition": (
        {"deadLetterRef": {"name": "letter"}, "choice": "Ignore", "reason": ""},
        "spec.reason: String should have at least 1 character",
    ),
}
"""A spec of each watched kind that an older schema let in, and what is wrong with it today."""

NEW: dict[str, tuple[Object, str]] = {
    kind: ({**LEAST[kind], "mood": {"is": ["new"]}}, "spec.mood: Extra inputs are not permitted")
    for kind in OLD
}
"""A spec of each watched kind with a field that only another version knows."""

STATUS: dict[str, Object] = {
    "Action": {"runId": "run-1"},
    "DeadLetter": {"dispatch": {"count": 2}},
    "Compensation": {"attempts": 3},
    "Approval": {"boundUid": "somebody"},
    "Disposition": {"boundUid": "somebody"},
}
STALE = {
    "type": "Stalled",
    "status": "True",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-31T09:00:00.000Z",
    "reason": "Old",
    "message": "written by another version",
}


def anything(schema: Object) -> Object:
    """A schema that lets everything in."""
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def more(schema: Object) -> Object:
    """The same schema, and fields that it does not know."""
    for part in ("spec", "status"):
        schema["properties"].get(part, {})["x-kubernetes-preserve-unknown-fields"] = True
    return schema


def replace_schemas(cp: Cluster, loosened: Callable[[Object], Object]) -> None:
    """CRDs as another version may have them."""
    for kind in KINDS:
        name = f"{kind.SERVED.plural}.{GROUP}"
        crd = json.loads(cp.kubectl("get", "crd", name, "-o", "json").stdout)
        for version in crd["spec"]["versions"]:
            version["schema"] = {"openAPIV3Schema": loosened(version["schema"]["openAPIV3Schema"])}
            if loosened is anything:
                version.pop("selectableFields", None)
        cp.kubectl("replace", "-f", "-", input=json.dumps(crd))
    unknown = {"operation": "x", "mood": "new"}
    wait_for(lambda: "mood" in probed(cp, unknown), seconds=SECONDS, what="the other schemas")


def restore_schemas(cp: Cluster) -> None:
    """Today's CRDs."""
    cp.kubectl("apply", "--server-side", "--force-conflicts", "-f", installation.CRDS)
    incomplete = {"outcome": "failed"}
    wait_for(
        lambda: "spec.operation" in probed(cp, incomplete), seconds=SECONDS, what="today's schemas"
    )
    wait_for(lambda: installation.enforces(cp), seconds=SECONDS, what="the admission policies")
    every = ",".join(kind.SERVED.plural for kind in KINDS)
    wait_for(
        lambda: cp.kubectl("get", every, "-A", check=False).returncode == 0,
        seconds=SECONDS,
        what="every kind to be served",
    )


def probed(cp: Cluster, spec: Object) -> str:
    """What the server makes of an Action; it is not stored."""
    create = ("create", "--dry-run=server", "--validate=false", "-o", "yaml", "-f", "-")
    probe = json.dumps(manifests.manifest("Action", "probe", spec))
    answer = cp.kubectl(*create, input=probe, check=False)
    return answer.stdout + answer.stderr


def create_all(tenant: Tenant, specs: dict[str, tuple[Object, str]], **more: str) -> None:
    for kind, (spec, _) in specs.items():
        user = "operator" if kind == "DeadLetter" else "admin"
        status = {**STATUS[kind], **more, "conditions": [STALE]}
        tenant.create(manifests.manifest(kind, name_of(kind), spec), user)
        tenant.write_status(kind, name_of(kind), status)


def name_of(kind: str) -> str:
    return f"odd-{kind.lower()}"


def untouched(obj: Object) -> Object:
    """All of an object but its Ready condition and what the server counts."""
    meta = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in ("managedFields", "resourceVersion")
    }
    others = [one for one in obj["status"]["conditions"] if one["type"] != "Ready"]
    return {**obj, "metadata": meta, "status": {**obj["status"], "conditions": others}}


class Watched:
    """A running operator, by its metrics."""

    def __init__(self, address: str) -> None:
        self._address = address

    def unreadable(self, kind: str) -> float:
        return metric(self._address, "amends_unreadable_objects", kind=kind)

    def passes(self, kind: str) -> float:
        return metric(self._address, "amends_reconcile_passes_total", kind=kind)

    def failures(self, kind: str) -> float:
        return metric(self._address, "amends_reconcile_failures_total", kind=kind)

    def wait_until_unreadable(self, kind: str, count: int) -> None:
        wait_for(
            lambda: self.unreadable(kind) == count, seconds=SECONDS, what=f"{count} odd {kind}"
        )

    def wait_for_looks(self, kinds: list[str], more: int) -> None:
        """Until each kind has been looked at so many times more: a resync looks at all."""
        enough = {kind: self.passes(kind) + more for kind in kinds}
        wait_for(
            lambda: all(self.passes(kind) >= enough[kind] for kind in kinds),
            seconds=SECONDS,
            what=f"{more} more looks",
        )


def check_left_alone(
    tenant: Tenant,
    watched: Watched,
    specs: dict[str, tuple[Object, str]],
    before: dict[str, Object],
    refused: str | None = None,
) -> None:
    """They are reported once, with nothing else changed, however often they are looked at."""
    for kind, (_, wrong) in specs.items():
        watched.wait_until_unreadable(kind, 1)
        said = tenant.wait_for_event(name_of(kind), "Unreadable")
        assert said.startswith(
            f"left as it is, because this version of Amends cannot read it: {wrong}. Mend that "
            "field (kubectl explain "
        )
        if kind == refused:
            continue  # the server takes no status for it at all
        seen = tenant.ready(kind, name_of(kind), "Unreadable")
        assert (condition(seen)["status"], condition(seen)["message"]) == ("False", said)
    settled = {kind: tenant.read(kind, name_of(kind)) for kind in specs}
    watched.wait_for_looks(list(specs), 3)
    assert {kind: tenant.read(kind, name_of(kind)) for kind in specs} == settled
    assert {kind: untouched(obj) for kind, obj in settled.items()} == before
    assert [len(tenant.events(name_of(kind))) for kind in specs] == [1] * len(specs)


def test_d4_objects_of_an_older_schema_are_left_reported_and_stop_nobody(
    installed: Installed, tenant: Tenant, start: StartOperator
) -> None:
    replace_schemas(installed.cp, anything)
    create_all(tenant, OLD)
    restore_schemas(installed.cp)
    before = {kind: untouched(tenant.read(kind, name_of(kind))) for kind in OLD}
    address = free_address()
    with start("--metrics-listen", address, "--resync-seconds", "1") as operator:
        watched = Watched(address)
        check_left_alone(tenant, watched, OLD, before, refused="DeadLetter")
        assert "expected int, got string" in told(operator, "condition not written")[0]["why"]
        tenant.create(manifests.unapproved("undo"))
        tenant.in_phase("undo", "Completed")

        tenant.patch("Action", name_of("Action"), {"spec": {"operation": "board.post"}}, "admin")
        tenant.ready("Action", name_of("Action"), "Recorded")
        watched.wait_until_unreadable("Action", 0)
        tenant.delete("Compensation", name_of("Compensation"))
        watched.wait_until_unreadable("Compensation", 0)
        assert watched.unreadable("Approval") == 1


def test_d4_objects_with_fields_of_another_version_keep_them(
    installed: Installed, tenant: Tenant, start: StartOperator
) -> None:
    replace_schemas(installed.cp, more)
    create_all(tenant, NEW, weather="fine")
    before = {kind: untouched(tenant.read(kind, name_of(kind))) for kind in NEW}
    address = free_address()
    with start("--metrics-listen", address, "--resync-seconds", "1"):
        check_left_alone(tenant, Watched(address), NEW, before)
        tenant.create(manifests.unapproved("undo"))
        tenant.in_phase("undo", "Completed")
    kept = {kind: tenant.read(kind, name_of(kind)) for kind in NEW}
    assert {obj["spec"]["mood"]["is"][0] for obj in kept.values()} == {"new"}
    assert {obj["status"]["weather"] for obj in kept.values()} == {"fine"}
    restore_schemas(installed.cp)


NONSENSE: dict[str, Object] = {
    "no-spec": {},
    "text": {"spec": "anything", "status": "anything"},
    "numbers": {"spec": dict.fromkeys(("effectId", "subjectRef", "deadLetterRef"), 2**60)},
    "lists": {"spec": {"effectId": ["x"], "targetEffect": [[]], "deadLetterRef": [{}]}},
    "key": {"spec": {"idempotencyKey": 2**60, "targetEffect": {"a": 1}}},
}
"""What no schema of ours ever let in; every field that the operator searches by is among it."""


def test_d4_objects_that_make_no_sense_at_all_stop_nobody(
    installed: Installed, tenant: Tenant, start: StartOperator
) -> None:
    installed.cp.kubectl("delete", "-f", installation.POLICIES)
    replace_schemas(installed.cp, anything)
    for kind in OLD:
        for name, content in NONSENSE.items():
            empty = manifests.manifest(kind, name, {})
            del empty["spec"]
            tenant.create({**empty, **content}, "admin")
    installed.cp.kubectl("apply", "-f", installation.POLICIES)
    restore_schemas(installed.cp)
    before = {kind: [obj.get("spec") for obj in tenant.every(kind)] for kind in OLD}
    address = free_address()
    with start("--metrics-listen", address, "--resync-seconds", "1"):
        watched = Watched(address)
        for kind in OLD:
            watched.wait_until_unreadable(kind, len(NONSENSE))
        tenant.create(manifests.unapproved("undo"))
        tenant.in_phase("undo", "Completed")
        watched.wait_for_looks(list(OLD), 3 * len(NONSENSE))
        for kind in OLD:
            assert watched.failures(kind) == 0
            assert watched.unreadable(kind) == len(NONSENSE)
    tenant.delete("Compensation", "undo")
    assert before == {kind: [obj.get("spec") for obj in tenant.every(kind)] for kind in OLD}
