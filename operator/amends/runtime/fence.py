"""The fence: whether a claim still stands, asked right before anything leaves under it.

A process may be stopped at any instruction, and go on long after another one has taken over its
claims. Compare-and-swap keeps it from writing then; this keeps it from sending.
"""

from datetime import datetime, timedelta

from amends.api.outbox import Outbox
from amends.core.key import Key
from amends.ports import Clock


class Fence:
    """Claims that this process has written, and until when they stand.

    They end when their writing was decided plus the lease: before the server counts them from. A
    renewal that may have been lost does not count. margin: what is left of a claim must be more.
    """

    def __init__(self, clock: Clock, margin: timedelta) -> None:
        self._clock = clock
        self._margin = margin
        self._claims: dict[Key, tuple[str | None, datetime]] = {}

    def claimed(self, key: Key, outbox: Outbox) -> None:
        """The server has taken in this claim of ours, or its extension."""
        if outbox.claim_expires_at is not None:
            self._claims[key] = (outbox.attempt_key, outbox.claim_expires_at)

    def holds(self, key: Key, attempt_key: str) -> bool:
        """Whether something may leave under the claim now."""
        claim = self._claims.get(key)
        if claim is None or claim[0] != attempt_key:
            return False
        return self._clock.now() < claim[1] - self._margin

    def forget(self, key: Key, attempt_key: str | None = None) -> None:
        """Nothing is executed for it any more; or nothing under this attempt's claim."""
        if attempt_key is None or self._claims.get(key, (None,))[0] == attempt_key:
            self._claims.pop(key, None)
