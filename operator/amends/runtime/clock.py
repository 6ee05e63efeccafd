"""Time and dice: the only place that asks the system for either."""

import socket
import uuid
from datetime import UTC, datetime


class SystemClock:
    """The Clock port over the system's clock."""

    def now(self) -> datetime:
        """Now, in UTC, in whole milliseconds (what the wire keeps)."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def process_identity() -> str:
    """A name for this process that no other process has or will have."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
