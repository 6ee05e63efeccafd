"""Digests: RFC 8785 to the letter, and a plan digest that forgets no field of the plan."""

import hashlib
import json
from typing import Any

import pytest

from amends.api.compensation import CompensationSpec
from amends.core.records.digest import digest, plan_digest, short


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        pytest.param(
            {
                "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
                "string": '€$\u000f\nA\'B"\\\\"/',
                "literals": [None, True, False],
            },
            '{"literals":[null,true,false],'
            '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
            id="RFC 8785, 3.2.2 and 3.2.4",
        ),
        pytest.param(
            {
                "€": "Euro Sign",
                "\r": "Carriage Return",
                "\ufb33": "Hebrew Letter Dalet With Dagesh",
                "1": "One",
                "😀": "Emoji: Grinning Face",
                "\u0080": "Control",
                "ö": "Latin Small Letter O With Diaeresis",
            },
            '{"\\r":"Carriage Return","1":"One","\u0080":"Control",'
            '"ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign",'
            '"😀":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
            id="RFC 8785, 3.2.3: keys by UTF-16",
        ),
        pytest.param(-0.0, "0", id="minus zero"),
        pytest.param(1.0, "1", id="a whole float is written like an integer"),
        pytest.param(5e-324, "5e-324", id="smallest number"),
        pytest.param(1.7976931348623157e308, "1.7976931348623157e+308", id="largest number"),
        pytest.param(295147905179352830000.0, "295147905179352830000", id="21 digits"),
        pytest.param(1e21, "1e+21", id="22 digits"),
        pytest.param(0.000001, "0.000001", id="six places"),
        pytest.param(1e-7, "1e-7", id="seven places"),
        pytest.param(2**53 - 1, "9007199254740991", id="largest safe integer"),
        pytest.param("é", '"é"', id="no normalisation: composed"),
        pytest.param("e\u0301", '"e\u0301"', id="no normalisation: decomposed"),
        pytest.param("\u2028</script>\x7f", '"\u2028</script>\x7f"', id="nothing more is escaped"),
        pytest.param("\x00\x1f\b\t\n\f\r", '"\\u0000\\u001f\\b\\t\\n\\f\\r"', id="control"),
        pytest.param([[], {}, ""], '[[],{},""]', id="empty"),
    ],
)
def test_e2_the_digest_is_over_canonical_json(value: Any, canonical: str) -> None:
    assert digest(value) == _sha256(canonical)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="NaN"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param({"deep": [-float("inf")]}, id="minus infinity"),
        pytest.param(2**53, id="too large"),
        pytest.param(-(2**53), id="too small"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param({"\ud800": 1}, id="a lone surrogate in a key"),
        pytest.param({1: 2}, id="a key that is no text"),
        pytest.param({1, 2}, id="no JSON"),
    ],
)
def test_what_has_no_canonical_json_has_no_digest(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|codec"):
        digest(value)


def test_the_order_of_keys_does_not_matter_and_that_of_items_does() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])


def test_short_is_the_beginning_of_the_digest_of_all_parts() -> None:
    whole = hashlib.sha256(b'["refund","run-1",2,null]').hexdigest()
    assert short("refund", "run-1", 2, None) == whole[:16]
    assert short("a", "bc") != short("ab", "c")


# ------------------------------------------------------------------------------------ plan digest

BARE: dict[str, Any] = {"targetEffect": "effect-1"}

CHANGED: dict[str, Any] = {
    "type": "refund",
    "direction": "ForwardFix",
    "rollback_instruction": "Take it back.",
    "forward_fix_instruction": "Mend it.",
    "approval": {"approvers": 2},
    "execution": {"http": {"method": "POST", "url": "https://example.com/undo"}},
    "retry": {"maxAttempts": 7},
    "timeout_seconds": 61,
    "service_account_name": "another",
    "verify": {"http": {"url": "https://example.com/undone"}},
    "ordering_key": "customer-42",
    "compensable_until": "2026-12-31T00:00:00Z",
    "escalation": {"owner": "sre", "afterSeconds": 60},
    "target_effect": "effect-2",
    "run_id": "run-1",
    "action_ref": {"name": "an-action"},
    "suspend": True,
    "cancel": True,
    "requester": {"username": "alice"},
}
"""For every field of the spec a value that is not its default."""


def _alias(field: str) -> str:
    return CompensationSpec.model_fields[field].alias or field


def _plan(**changed: Any) -> str:
    spec = {**BARE, **{_alias(field): value for field, value in changed.items()}}
    return plan_digest("shop", "undo-1", CompensationSpec.model_validate(spec))


def test_every_field_of_the_spec_has_a_row() -> None:
    """A new field fails here: add it to CHANGED, and to NOT_PLAN if nobody need approve it."""
    assert set(CHANGED) == set(CompensationSpec.model_fields)


@pytest.mark.parametrize("field", sorted(set(CompensationSpec.model_fields)))
def test_exactly_the_fields_of_the_plan_change_the_digest(field: str) -> None:
    unaffected = _plan(**{field: CHANGED[field]}) == _plan()
    assert unaffected == (field in {"suspend", "cancel", "requester", "escalation"})


def test_all_changes_give_different_digests() -> None:
    plan = set(CHANGED) - CompensationSpec.NOT_PLAN
    assert len({_plan(**{field: CHANGED[field]}) for field in plan} | {_plan()}) == len(plan) + 1


def test_defaults_count_as_if_they_were_spelled_out() -> None:
    spelled = CompensationSpec.model_validate(BARE).wire()
    assert set(spelled) > set(BARE)
    assert plan_digest("shop", "undo-1", CompensationSpec.model_validate(spelled)) == _plan()


def test_the_digest_survives_the_way_through_json() -> None:
    spec = CompensationSpec.model_validate(
        {**BARE, **{_alias(field): value for field, value in CHANGED.items()}}
    )
    again = CompensationSpec.model_validate(json.loads(json.dumps(spec.wire())))
    assert plan_digest("shop", "undo-1", again) == plan_digest("shop", "undo-1", spec)


def test_namespace_and_name_are_part_of_what_is_approved() -> None:
    spec = CompensationSpec.model_validate(BARE)
    digests = {
        plan_digest(namespace, name, spec)
        for namespace, name in [("a", "b"), ("b", "a"), ("a", "a"), ("ab", "")]
    }
    assert len(digests) == 4


def test_the_plan_digest_can_be_computed_without_amends() -> None:
    """Kind, namespace, name and the spec with its defaults; a shell and sha256sum suffice."""
    canonical = json.dumps(
        {
            "kind": "Compensation",
            "name": "undo-1",
            "namespace": "shop",
            "spec": {
                key: value
                for key, value in CompensationSpec.model_validate(BARE).wire().items()
                if key not in {"suspend", "cancel"}
            },
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    assert _plan() == _sha256(canonical)
