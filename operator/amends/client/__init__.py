"""For automations: record what you are about to do, do it, and record what came of it.

    from amends.client import recording

    with recording("board.post", target="general", idempotency_key="run-7/post") as action:
        answer = httpx.post(url, json=…, headers={"Idempotency-Key": action.idempotency_key})
        answer.raise_for_status()
        action.receipt = answer.json()

docs/recording-actions.md says what becomes of it when something goes wrong.
"""

from amends.api.action import ActionOutcome
from amends.client.errors import (
    EvidenceNotRecorded,
    NotClaimed,
    OutcomeNotRecorded,
    RecordingError,
    WrongField,
)
from amends.client.recorder import Recorder, Recording, recording
from amends.client.running import RunningAction

__all__ = [
    "ActionOutcome",
    "EvidenceNotRecorded",
    "NotClaimed",
    "OutcomeNotRecorded",
    "Recorder",
    "Recording",
    "RecordingError",
    "RunningAction",
    "WrongField",
    "recording",
]
