"""The API server fills in exactly what our types fill in, so both see the same plan."""

import pytest

from amends.api import KINDS, Resource
from integration.cluster import Cluster
from integration.objects import LEAST, MOST, named

pytestmark = pytest.mark.controlplane

EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@EVERY_KIND
@pytest.mark.parametrize("specs", [LEAST, MOST], ids=["least", "most"])
def test_server_and_types_have_the_same_defaults(
    kind: type[Resource], specs: dict[str, dict[str, object]], admin: Cluster
) -> None:
    spec = specs[kind.__name__]

    stored = admin.create(named(kind.__name__, "one", spec))

    unsent = {"metadata": {"name": "one", "namespace": "tenant-a"}, "spec": spec}
    assert stored["spec"] == kind.read(unsent).spec.wire()
    assert stored["spec"] == kind.read(stored).spec.wire()


@EVERY_KIND
def test_the_most_has_every_field(kind: type[Resource]) -> None:
    spec = MOST[kind.__name__]
    unsent = {"metadata": {"name": "one", "namespace": "tenant-a"}, "spec": spec}
    fields = type(kind.read(unsent).spec).model_fields
    assert set(spec) == {field.alias for field in fields.values()}


@pytest.mark.parametrize(
    ("kind", "phase"),
    [("Compensation", "Proposed"), ("DeadLetter", "Open"), ("Action", "Pending")],
)
def test_a_new_object_has_its_first_phase_before_anybody_wrote_it(
    kind: str, phase: str, admin: Cluster
) -> None:
    stored = admin.create(named(kind, "one"))

    assert stored["status"]["phase"] == phase
    assert stored["metadata"]["generation"] == 1
    model = next(k for k in KINDS if k.__name__ == kind)
    status = model.read({**stored, "status": {}}).status
    assert status is not None
    assert stored["status"] == status.wire()


def test_a_status_in_a_create_is_dropped(admin: Cluster) -> None:
    forged = {**named("Compensation", "one"), "status": {"phase": "Approved"}}

    assert admin.create(forged)["status"]["phase"] == "Proposed"


def test_a_receipt_has_no_status(admin: Cluster) -> None:
    assert "status" not in admin.create(named("Receipt", "one"))
