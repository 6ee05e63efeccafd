"""Row D1 in the server: every object can be found by the four hours of its creation."""

from datetime import datetime

import pytest

from amends.cli.asked import ledger
from amends.cli.asked.session import Session
from amends.cli.asked.where import Where
from amends.cli.look.tables import ServerTables
from amends.core.period import period_of
from installation import RunningOperator
from support import manifests
from support.api import Object
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

KINDS = ("Action", "Receipt", "DeadLetter", "Compensation", "Approval", "Disposition")


def period_in(obj: Object) -> str | None:
    found: str | None = obj["spec" if obj["kind"] == "Receipt" else "status"].get("period")
    return found


def newest(tenant: Tenant, kind: str, limit: int, after: ledger.Place | None = None) -> ledger.Page:
    where = Where(tenant.namespace, False, None, str(tenant.installed.cp.kubeconfig("alice")))
    with Session.open(where) as session:
        return ledger.newest(ServerTables(session, kind, ""), limit, after)


def test_row_d1_the_operator_writes_when_each_object_was_created(
    tenant: Tenant, running: RunningOperator
) -> None:
    tenant.create(manifests.action("post", "failed"))
    letter = tenant.ready("Action", "post", "Recorded")["status"]["deadLetterRef"]["name"]
    tenant.create(manifests.disposition("leave-it", letter), "alice")
    tenant.ready("Disposition", "leave-it", "Applied")
    tenant.create(manifests.compensation("undo"))
    digest = tenant.planned("undo")
    tenant.create(manifests.approval("yes", "undo", planDigest=digest), "alice")
    tenant.in_phase("undo", "Completed")
    tenant.ready("Approval", "yes", "Counted")

    for kind in KINDS:
        assert tenant.every(kind), kind
        for obj in tenant.every(kind):
            created = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
            assert period_in(obj) == period_of(created), obj["metadata"]["name"]


def test_row_d1_pages_by_period_are_the_same_as_pages_out_of_everything(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        name = f"undo-{number * 3 % 7}"
        tenant.create(manifests.compensation(name))
        if number != 3:  # which the operator has not seen yet
            made = datetime.fromisoformat(
                tenant.read("Compensation", name)["metadata"]["creationTimestamp"]
            )
            tenant.write_status("Compensation", name, {"period": period_of(made)})
    everything = newest(tenant, "Compensation", 100).rows
    monkeypatch.setattr(ledger, "FEW_ROWS", 1)

    seen: list[ledger.Row] = []
    page = newest(tenant, "Compensation", 3)
    while True:
        seen += page.rows
        if page.cursor is None:
            break
        page = newest(tenant, "Compensation", 3, page.cursor)

    assert [row.place for row in seen] == [row.place for row in everything]
    assert len(seen) == 7
