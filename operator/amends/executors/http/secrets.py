"""The Secrets of one attempt: read as the tenant, and remembered so that nothing repeats them."""

import re

from amends.api.secret import SecretKeyRef
from amends.core.outcome import NotApplied
from amends.executors.redaction import Redaction
from amends.ports import Fault, Rejected, Secrets, Work

MAX_HEADER = 8 * 1024

_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


class Unready(Exception):
    """The request cannot be made, so nothing was sent. Holds what the attempt came to."""

    def __init__(self, outcome: NotApplied) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome

    @classmethod
    def for_good(cls, reason: str) -> "Unready":
        """Only a person can help."""
        return cls(NotApplied(reason, retryable=False))


class Reading:
    """Reads Secrets for one attempt."""

    def __init__(self, work: Work, secrets: Secrets) -> None:
        self._work, self._secrets = work, secrets
        self._values: list[str] = []

    async def value(self, ref: SecretKeyRef) -> str:
        """The value of one key. Raises Unready."""
        work = self._work
        try:
            value = await self._secrets.read(
                work.namespace, ref.name, ref.key, work.service_account
            )
        except Fault as fault:
            # Nothing was sent. Only a refusal needs a person; everything else may pass by itself.
            wish = fault.retry_after
            outcome = NotApplied(str(fault), not isinstance(fault, Rejected), wish)
        else:
            self.hide(value)
            return value
        raise Unready(outcome)

    async def header(self, where: str, ref: SecretKeyRef) -> str:
        """The same for a header of the request. Raises Unready."""
        value = await self.value(ref)
        source = f"{where}: key {ref.key} of Secret {ref.name}"
        if not sendable(value):
            raise Unready.for_good(
                f"{source} holds a line break or another control character, often a line break at "
                "its end. Store it without"
            )
        if len(value) > MAX_HEADER:
            raise Unready.for_good(
                f"{source} holds {len(value)} characters, a header at most {MAX_HEADER}"
            )
        # A header like `Bearer abc` is secret as a whole, and so is `abc` where it stands alone.
        self.hide(value.partition(" ")[2].strip())
        return value

    def hide(self, *values: str) -> None:
        """Take these out of whatever comes back as well."""
        self._values += values

    @property
    def redaction(self) -> Redaction:
        """Takes out all that was read so far."""
        return Redaction(self._values)


def sendable(value: str) -> bool:
    """Whether it can stand in a header."""
    return not _UNSENDABLE.search(value)
