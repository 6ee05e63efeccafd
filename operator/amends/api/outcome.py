"""What is known of one attempt, and why it may be made again when nothing is."""

from enum import StrEnum


class RetrySafety(StrEnum):
    """Why sending the same request twice does no harm."""

    NONE = "None"
    PROVIDER_KEY = "ProviderKey"
    NATURAL = "Natural"


class Outcome(StrEnum):
    """What is known about one attempt."""

    APPLIED = "Applied"
    NOT_APPLIED = "NotApplied"
    UNKNOWN = "Unknown"
