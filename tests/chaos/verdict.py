"""Whether the end of a disturbed story is right, given what its lost lives had done."""

from collections.abc import Callable, Sequence

from amends.ports import Raw
from chaos.border import Line
from chaos.ending import End, difference
from chaos.stories import Story

Happened = Callable[[str], bool | None]
"""Whether a lost life carried out a call of that name; None: one was under way at its end."""


def fault(end: End, calm: End, story: Story, happened: Happened) -> str | None:
    """What is wrong with the end of a disturbed run; None: nothing.

    Where a repeat is not safe, a life that ended between the claim and its outcome leaves a doubt
    that only a person can settle; so does one that has taken away what it had begun. A call that
    was under way when the power failed may have happened or not; then both ends are right.
    """
    claim = "DeadLetter Retrying" if story.choice else "Compensation Running"
    claimed = happened(f"write_status {claim}")
    known = happened(
        "write_status Compensation Failed"
        if story.ends == "Failed"
        else f"create {story.subject}Receipt"
    )
    may_doubt = story.may_doubt and claimed is not False and known is not True
    must_doubt = may_doubt and claimed is True and known is False
    if end == calm and not must_doubt:
        return None
    if may_doubt and is_in_doubt(end, story, happened("run http")):
        return None
    if happened(story.deed.last_trace) and is_over_and_unknown(end, story):
        return None
    return difference(end, calm)


def unallowed(lines: Sequence[Line], story: Story) -> str | None:
    """What was sent without leave, in any life; None: nothing.

    Even where the end is right after all, because the target recognised the key.
    """
    sends = story.deed.sends
    claims = [f"write_status {story.subject} {to}" for to in ("Running", "Retrying", "as it was")]
    for line in lines:
        last = None
        for call in line.calls:
            if call.name == sends and last not in claims:
                return f"a request was sent under no durable claim, after {last}"
            if call.name.startswith(f"write_status {story.subject} ") and call.happened:
                last = call.name
    sent = sum(call.name == sends and call.happened for line in lines for call in line.calls)
    if story.retry_safety == "None" and sent > 1:
        return f"what may not be repeated was sent {sent} times"
    return None


def is_in_doubt(end: End, story: Story, sent: bool | None) -> bool:
    """Whether it says that nobody knows, claims nothing else, and has not sent anything twice."""
    (subject,), (letter,) = end[story.subject], end["DeadLetter"]
    effective = sent and story.ends != "Failed"
    return (
        subject["status"]["phase"] == ("Retrying" if story.choice else "Running")
        and subject["status"]["outbox"]["outcome"] == "Unknown"
        and {"Stalled", "OutcomeUnknown"} <= _true(subject)
        and letter["status"]["phase"] == ("Retrying" if story.choice else "Open")
        and end["effects"] in ((0, 1) if effective is None else (int(effective),))
    )


def is_over_and_unknown(end: End, story: Story) -> bool:
    """Whether it has ended as it was to, and says that nobody knows what came of it before."""
    (subject,) = end[story.subject]
    return (
        subject["status"]["phase"] == story.ends
        and subject["status"]["outbox"]["outcome"] == "Unknown"
        and "OutcomeUnknown" in _true(subject)
        and end["effects"] == 0
    )


def _true(subject: Raw) -> set[str]:
    """The types of its conditions that are true."""
    return {one["type"] for one in subject["status"]["conditions"] if one["status"] == "True"}


def is_open_again(end: End) -> bool:
    """Whether what was sent again was refused, did nothing, and waits for a person once more."""
    (letter,) = end["DeadLetter"]
    status = letter["status"]
    ready = [one["reason"] for one in status["conditions"] if one["type"] == "Ready"]
    return (
        (status["phase"], status["outbox"]["outcome"]) == ("Open", "NotApplied")
        and ready == ["AwaitingDecision"]
        and end["effects"] == 0
    )


def is_as_told(end: End, story: Story) -> bool:
    """Whether an undisturbed end is the one that the story says."""
    undone = [one["status"]["phase"] for one in end["Compensation"]]
    letters = [one["status"]["phase"] for one in end["DeadLetter"]]
    return (
        undone == ([story.ends] if story.ends else [])
        and (not story.choice or letters == [story.letter])
        and end["effects"] == (story.ends == "Completed" or story.letter == "Resolved")
    )
