"""The receipts of one effect are a sequence: each names the one that it supersedes."""

from collections.abc import Sequence

from amends.api.receipt import Receipt


def current(receipts: Sequence[Receipt]) -> Receipt | None:
    """What is known of the effect now: the receipt that the others were superseded by.

    One that came late supersedes none, and neither does the first: of several such, the first is
    what the others came too late for.
    """
    return max(receipts, key=_rank, default=None)


def _rank(receipt: Receipt) -> tuple[bool, int]:
    replaces, number = receipt.spec.supersedes is not None, receipt.spec.sequence
    return (replaces, number if replaces else -number)


def next_number(receipts: Sequence[Receipt]) -> int:
    """The number of the receipt to be added."""
    return max((one.spec.sequence for one in receipts), default=0) + 1
