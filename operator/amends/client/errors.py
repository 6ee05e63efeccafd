"""What may go wrong with a record. The class says what was sent, and so who must act next.

RecordingError
├── WrongField           nothing was sent: mend the call, it can never be recorded like this
├── NotClaimed           nothing was sent: mend connection or rights, then run it again
├── EvidenceNotRecorded  sent, and the outcome is on record; what proves or undoes it is not
└── OutcomeNotRecorded   sent, and only the claim is on record: run the command it holds
"""


class RecordingError(Exception):
    """An Action is not on record as it should be."""


class WrongField(RecordingError):
    """The call says something that no Action can say. Nothing was sent."""


class NotClaimed(RecordingError):
    """The Action could not be recorded beforehand. Nothing was sent."""


class EvidenceNotRecorded(RecordingError):
    """The outcome is on record, without a receipt or compensation that no Action can hold."""


class OutcomeNotRecorded(RecordingError):
    """It was sent, and its outcome is not on record. What was claimed stays Pending."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(f"{message}\nRecord it by hand:\n{command}")
        self.command = command
        """What records it, for a shell. Holds no secret that redaction knows."""
