"""I11: what one tenant sends stops nobody else's work, and what runs is not deleted under it."""

import json
import threading
from typing import Any

import pytest

from installation import RunningOperator
from integration.cluster import Refused
from support import manifests
from support.api import Object
from support.target import Answer, Target
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane


def nested(levels: int) -> Any:
    """Lists in lists, so many levels deep."""
    return json.loads("[" * levels + "]" * levels)


def deep_http(levels: int) -> Object:
    """A request whose body is nested; the body itself is the first level."""
    return {"url": "https://example.com/", "body": {"a": nested(levels - 1)}}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"input": {"a": nested(23)}}, id="input"),
        pytest.param({"receipt": {"a": nested(23)}}, id="receipt"),
        pytest.param(
            {"compensation": {"execution": {"http": {"method": "POST", **deep_http(21)}}}},
            id="body of a proposed compensation",
        ),
        pytest.param(
            {"idempotencyKey": "key", "retry": {"http": {"method": "POST", **deep_http(22)}}},
            id="body of a retry",
        ),
    ],
)
def test_i11_an_action_too_deep_for_json_parsers_is_refused(tenant: Tenant, spec: Object) -> None:
    with pytest.raises(Refused, match="nested more than 24 levels deep, counted from spec itself"):
        tenant.create(manifests.action("deep", **spec))


def test_i11_a_compensation_too_deep_for_json_parsers_is_refused(tenant: Tenant) -> None:
    with pytest.raises(Refused, match="nested more than 24 levels deep, counted from spec itself"):
        tenant.create(manifests.compensation("deep", http=deep_http(22)))


def test_i11_a_disposition_too_deep_for_json_parsers_is_refused(tenant: Tenant) -> None:
    plan: Object = {"execution": {"http": {"method": "POST", **deep_http(21)}}}
    with pytest.raises(Refused, match="nested more than 24 levels deep, counted from spec itself"):
        tenant.create(manifests.disposition("deep", "letter", "Compensate", compensation=plan))


def test_i11_depth_that_stops_pythons_parser_is_refused(tenant: Tenant) -> None:
    text = json.dumps(manifests.action("deep", input={"a": "HERE"}))
    answer = tenant.installed.cp.kubectl(
        *("create", "--validate=false", "-n", tenant.namespace, "-f", "-"),
        user="bob",
        input=text.replace('"HERE"', "[" * 3000 + "]" * 3000),
        check=False,
    )
    assert "nested more than 24 levels deep" in answer.stderr
    assert answer.returncode != 0


def test_i11_what_is_deep_enough_for_people_is_recorded(
    tenant: Tenant, running: RunningOperator
) -> None:
    tenant.create(manifests.action("deep", input={"a": nested(22)}))
    tenant.ready("Action", "deep", "Recorded")


def test_i3_what_runs_is_not_deleted(
    tenant: Tenant, running: RunningOperator, target: Target
) -> None:
    go_on = threading.Event()
    route = target.route(Answer(until=go_on))
    tenant.create(manifests.unapproved("slow", http={"url": route.url}))
    tenant.in_phase("slow", "Running")
    with pytest.raises(Refused, match="compensation slow is Running and may have changed"):
        tenant.delete("Compensation", "slow")
    go_on.set()
    tenant.in_phase("slow", "Completed")
    tenant.delete("Compensation", "slow")
