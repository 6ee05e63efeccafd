"""Receipts: what makes one genuine, whose it is, and numbers that JSON cannot hold."""

from typing import Any

import pytest

from amends.api import Receipt
from amends.core.key import Key
from amends.core.records import receipts
from support.digests import sha256
from support.worlds import NOW, SCOPE, compensation, receipt_of, running


def changed(receipt: Receipt, **spec: Any) -> Receipt:
    return receipt.model_copy(update={"spec": receipt.spec.model_copy(update=spec)})


def test_a_receipt_is_genuine_under_its_own_name_only() -> None:
    receipt = receipt_of(running())
    name, spec = receipt.metadata.name, receipt.spec

    assert receipts.is_genuine(name, spec)
    assert spec.audit_hash == sha256([name, "undo", spec.operation, spec.payload_digest])
    assert not receipts.is_genuine(f"{name}-2", spec)
    for change in ({"operation": "x"}, {"payload_digest": sha256({})}, {"audit_hash": sha256({})}):
        assert not receipts.is_genuine(name, changed(receipt, **change).spec)


def test_a_receipt_proves_the_current_attempt_of_its_own_compensation() -> None:
    one = running()
    receipt = receipt_of(one)
    namesake = one.model_copy(
        update={"metadata": one.metadata.model_copy(update={"uid": "uid-second"})}
    )

    assert receipts.proves(receipt, one)
    assert not receipts.proves(receipt, running(attempt=2))
    assert not receipts.proves(receipt, namesake)
    assert not receipts.proves(changed(receipt, audit_hash=sha256({})), one)


def test_what_was_never_claimed_has_no_receipt() -> None:
    with pytest.raises(ValueError, match="compensation undo has no outbox entry to prove"):
        receipts.of_compensation(compensation("Approved"), {}, SCOPE, NOW)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (1.5, 1.5),
        (2**53 - 1, 2**53 - 1),
        (2**53, str(2**53)),
        (-(2**53), str(-(2**53))),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ({"a": [2**60, {"b": (2**60,)}]}, {"a": [str(2**60), {"b": [str(2**60)]}]}),
    ],
)
def test_numbers_without_an_exact_form_become_text(value: Any, kept: Any) -> None:
    assert receipts.exact(value) == kept


def test_an_existing_receipt_is_adopted_only_if_it_is_about_the_same_outcome() -> None:
    wanted = receipts.of_compensation(running(), {"recorded": True}, SCOPE, NOW)
    existing = wanted.spec.wire()

    # Another process may have seen another answer, and at another time: it is the same outcome.
    assert wanted.is_ours({**existing, "recordedAt": "2026-01-31T10:00:00Z", "payload": {}})
    for field in receipts.SAME_EVIDENCE:
        assert not wanted.is_ours({**existing, field: "other"})


def test_a_key_reads_like_a_path() -> None:
    assert str(Key("Compensation", "tenant-a", "undo")) == "Compensation/tenant-a/undo"
