"""When each alert fires, and when not: Prometheus itself holds it against what pods would show."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

import build
from chart.helm import NAMESPACE, Helm, only
from chart.value_sets import MONITORED

pytestmark = pytest.mark.timeout(900)  # the first of these tests may have to build promtool

Series = Mapping[str, str]
"""The values of a metric, by its name, its pod and whatever labels it has, with spaces between."""

OURS = {"namespace": NAMESPACE, "job": "amends-metrics"}
LEADS: Series = {"amends_leader a": "1x300", "amends_leader b": "0x300"}
"""Two pods for hours, of which a leads. A value each minute, written as promtool reads it."""


@dataclass(frozen=True)
class Case:
    """What the pods show, and whether it fires at a minute: with these labels and this value."""

    alert: str
    shown: Series
    minute: int
    fires: Mapping[str, str] | None = None
    value: str = ""


def fires(
    alert: str, minute: int, shown: Series, value: str = "", labels: Mapping[str, str] | None = None
) -> Case:
    return Case(alert, shown, minute, labels or {}, value)


def silent(alert: str, minute: int, shown: Series) -> Case:
    return Case(alert, shown, minute)


ATTEMPTS = "amends_attempts_total a executor=http outcome=Unknown"
UNKNOWN = {**OURS, "instance": "a", "executor": "http", "outcome": "Unknown"}
EXPORTS = "amends_retention_export_failures_total a"
ELSEWHERE = "amends_leader c namespace=elsewhere"

CASES = {
    "nobody leads": fires(
        "AmendsNoLeader", 5, {"amends_leader a": "0x9", "amends_leader b": "0x9"}
    ),
    "no pod is there": fires("AmendsNoLeader", 5, {}),
    "only another release leads": fires("AmendsNoLeader", 5, {ELSEWHERE: "1x9"}),
    "one leads": silent("AmendsNoLeader", 60, LEADS),
    "the lead changes hands": silent(
        "AmendsNoLeader",
        6,
        {"amends_leader a": "1 1 1 0x9", "amends_leader b": "0x6 1x9"},
    ),
    "two believe that they lead": fires(
        "AmendsTwoLeaders", 5, {"amends_leader a": "1x9", "amends_leader b": "1x9"}
    ),
    "one is seen as leader for a while longer": silent(
        "AmendsTwoLeaders", 6, {"amends_leader a": "1x4 0x9", "amends_leader b": "1x9"}
    ),
    "two releases have a leader each": silent("AmendsTwoLeaders", 30, {**LEADS, ELSEWHERE: "1x60"}),
    "a policy is gone": fires(
        "AmendsPoliciesNotEnforced", 3, {**LEADS, "amends_policies_enforced a": "1 0x9"}
    ),
    "who does not lead does not look": silent(
        "AmendsPoliciesNotEnforced",
        9,
        {
            **LEADS,
            "amends_policies_enforced a": "1x9",
            "amends_policies_enforced b": "0x9",
        },
    ),
    "an outcome is unknown, the first of its kind": fires(
        "AmendsOutcomeUnknown", 6, {ATTEMPTS: "_x5 1x9"}, labels=UNKNOWN
    ),
    "one more is unknown": fires(
        "AmendsOutcomeUnknown", 95, {ATTEMPTS: "3x90 4x90"}, labels=UNKNOWN
    ),
    "the last unknown one is long ago": silent(
        "AmendsOutcomeUnknown", 170, {ATTEMPTS: "3x90 4x90"}
    ),
    "an undo stays unknown": fires(
        "AmendsOutcomeStaysUnknown",
        3,
        {**LEADS, "amends_unknown_outcome_oldest_seconds a kind=Compensation": "1740+60x9"},
        "32m 0s",
        {"kind": "Compensation"},
    ),
    "an undo has been unknown for a short time": silent(
        "AmendsOutcomeStaysUnknown",
        3,
        {**LEADS, "amends_unknown_outcome_oldest_seconds a kind=Compensation": "1500+60x9"},
    ),
    "who does not lead any more still shows what it knew": silent(
        "AmendsOutcomeStaysUnknown",
        3,
        {**LEADS, "amends_unknown_outcome_oldest_seconds b kind=Compensation": "9000x9"},
    ),
    "nobody hears of what has escalated": fires(
        "AmendsEscalationUndelivered",
        10,
        {**LEADS, "amends_escalation_notices_undelivered a": "2x20"},
        "2",
    ),
    "a receiver is back after a while": silent(
        "AmendsEscalationUndelivered",
        8,
        {**LEADS, "amends_escalation_notices_undelivered a": "2x8 0x20"},
    ),
    "an object cannot be read": fires(
        "AmendsUnreadableObjects",
        5,
        {"amends_unreadable_objects a kind=Action": "1x9"},
        "1",
        {"kind": "Action"},
    ),
    "every object can be read": silent(
        "AmendsUnreadableObjects", 60, {"amends_unreadable_objects a kind=Action": "0x60"}
    ),
    "the queue grows": fires(
        "AmendsQueueGrows",
        20,
        {**LEADS, "amends_queue_length a": "101+10x30"},
        "301",
        {**OURS, "instance": "a"},
    ),
    "the queue is long and shrinks": silent(
        "AmendsQueueGrows", 20, {**LEADS, "amends_queue_length a": "900-10x30"}
    ),
    "Events are dropped again and again": fires(
        "AmendsEventsDropped", 20, {"amends_events_dropped_total a": "0+1x30"}
    ),
    "an Event was dropped once": silent(
        "AmendsEventsDropped", 30, {"amends_events_dropped_total a": "0 0 1x60"}
    ),
    "a sweep cannot export": fires("AmendsRecordsNotExported", 70, {EXPORTS: "0x60 1x60"}),
    "sweeps export": silent("AmendsRecordsNotExported", 100, {EXPORTS: "0x200"}),
}


@pytest.fixture(scope="module")
def promtool() -> Path:
    """The pinned one."""
    return build.build(["promtool"])["promtool"]


@pytest.fixture(scope="module")
def group(offline: Helm) -> Any:
    """The rules, as the chart makes them."""
    (found,) = only(offline.objects(MONITORED), "PrometheusRule")["spec"]["groups"]
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_alert_fires_when_somebody_is_needed_and_not_before(
    case: Case, group: Any, promtool: Path, tmp_path: Path
) -> None:
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [group]}))
    (tmp_path / "test.json").write_text(json.dumps(asked(case, group)))

    ended = subprocess.run(
        [promtool, "test", "rules", "test.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_is_seen_to_fire_and_to_be_silent(group: Any) -> None:
    named = {rule["alert"] for rule in group["rules"]}

    assert {case.alert for case in CASES.values() if case.fires is not None} == named
    assert {case.alert for case in CASES.values() if case.fires is None} == named


def asked(case: Case, group: Any) -> dict[str, Any]:
    """The question, as promtool reads it."""
    (rule,) = (rule for rule in group["rules"] if rule["alert"] == case.alert)
    expected = []
    if (labels := case.fires) is not None:
        said = _said(rule, labels, case.value)
        expected.append({"exp_labels": {**rule["labels"], **labels}, "exp_annotations": said})
    at = {"eval_time": f"{case.minute}m", "alertname": case.alert, "exp_alerts": expected}
    series = [
        {"series": _series(*key.split()), "values": values} for key, values in case.shown.items()
    ]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [at]}
    return {"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": [test]}


def _series(metric: str, pod: str, *more: str) -> str:
    labels = {**OURS, "instance": pod, **dict(one.split("=") for one in more)}
    told = (f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{','.join(told)}}}"


def _said(rule: Any, labels: Mapping[str, str], value: str) -> dict[str, str]:
    """What a person reads, with the labels and the value in it."""
    parts = {f"{{{{ $labels.{name} }}}}": label for name, label in labels.items()}
    parts |= dict.fromkeys(("{{ $value }}", "{{ $value | humanizeDuration }}"), value)
    return {
        name: reduce(lambda text, part: text.replace(*part), parts.items(), told)
        for name, told in rule["annotations"].items()
    }
