"""An operator that starts reads what is open, and nothing of what has settled."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from amends.api import GROUP, KINDS, VERSION
from support.audit import AuditLog
from support.manifests import action, approval, compensation, dead_letter
from support.tenant import Installed, StartOperator, Tenant

pytestmark = pytest.mark.controlplane

OF_EACH = 100
DIGEST = "sha256:" + "0" * 64
OPEN_WORK = {
    kind.SERVED.plural: kind.SERVED.open_work for kind in KINDS if kind.SERVED.open_work is not None
}


def settle(tenant: Tenant, number: int) -> Iterator[str]:
    """One settled object of each kind; their names."""
    tenant.create(compensation(f"c-{number}", targetEffect=f"effect-{number}"))
    tenant.write_status("Compensation", f"c-{number}", {"phase": "Cancelled"})
    yield f"c-{number}"
    tenant.create(action(f"a-{number}"))
    tenant.write_status("Action", f"a-{number}", {"phase": "Recorded"})
    yield f"a-{number}"
    tenant.create(approval(f"v-{number}", f"c-{number}", planDigest=DIGEST), "alice")
    tenant.write_status("Approval", f"v-{number}", {"settled": True})
    yield f"v-{number}"
    tenant.create(dead_letter(f"d-{number}", tenant.namespace, f"effect-{number}"), "operator")
    tenant.write_status("DeadLetter", f"d-{number}", {"settled": True})
    yield f"d-{number}"


def open_objects(installed: Installed) -> int:
    admin = installed.user("admin")
    return sum(
        len(
            admin.call(
                "GET", f"/apis/{GROUP}/{VERSION}/{plural}", query={"fieldSelector": selector}
            )["items"]
        )
        for plural, selector in OPEN_WORK.items()
    )


def test_what_has_settled_is_never_read(
    tenant: Tenant, installed: Installed, start: StartOperator
) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda number: list(settle(tenant, number)), range(OF_EACH))
        settled = {name for names in made for name in names}
    assert len(settled) == 4 * OF_EACH
    for name in ("one", "two", "three"):
        tenant.create(compensation(name))
    expected = open_objects(installed)
    assert expected >= 3
    audit = AuditLog(installed)

    with start() as operator:
        tenant.approve("one")
        tenant.in_phase("one", "Completed")
        log = [json.loads(line) for line in operator.log.read_text().splitlines()]
    asked = [one for one in audit.everything() if one.group == GROUP]

    (working,) = [line for line in log if line["event"] == "working"]
    assert working["open"] == expected
    read = [one for one in asked if one.verb in ("get", "list", "watch")]
    assert {one.resource for one in read if one.verb in ("list", "watch")} == set(OPEN_WORK)
    for one in read:
        assert one.name not in settled
        if one.verb in ("list", "watch"):
            given = parse_qs(urlsplit(one.uri).query).get("fieldSelector")
            assert given == [OPEN_WORK[one.resource]], one.uri
    assert {one.name for one in asked} & settled == set()
