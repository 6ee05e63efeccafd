"""Request headers as a person may see them: what is secret by custom is hidden."""

import re

from amends.core.records.redaction import REDACTED, redact

_CREDENTIAL = re.compile(
    r"auth|cookie|credential|pass|session|sign(?:ature)?\b|key$", re.IGNORECASE
)
"""Names beyond what redaction knows of keys in general."""


def shown(name: str, value: str) -> str:
    """The value of a header that stands in a plan, or that it is hidden."""
    if _CREDENTIAL.search(name):
        return REDACTED
    hidden: str = redact({name: value})[name]
    return hidden
