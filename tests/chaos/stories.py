"""Stories: what is undone, by which executor, and what people and the target do."""

from dataclasses import dataclass, field

from board import Fault

from chaos.cluster_deeds import (
    ApplyOfAnObject,
    ByJob,
    JobCancelled,
    OfAnObject,
    PatchOfAnObject,
)
from chaos.deeds import (
    SENT,
    ByHand,
    ByHttp,
    Deed,
    Refused,
    Verified,
    WithASecret,
    WithAToken,
)


@dataclass(frozen=True)
class Story:
    """One action, what is to become of it, and what the target does when it is asked to undo it."""

    outcome: str = "failed"
    retry_safety: str = "ProviderKey"
    decision: str = "Approve"
    """What alice says; empty: nothing."""
    approval_required: bool = True
    faults: tuple[Fault, ...] = ()
    ends: str = "Completed"
    """Phase of the Compensation in the end, if nothing disturbs it; empty: there is none."""
    choice: str = ""
    """What alice says about the dead letter; empty: nothing."""
    letter: str = ""
    """Phase of the dead letter in the end, if she has said something."""
    deed: Deed = field(default_factory=ByHttp)
    """How the undo is carried out."""

    @property
    def subject(self) -> str:
        """The kind whose request is sent: an undo, or the action once more."""
        return "DeadLetter" if self.choice else "Compensation"

    @property
    def may_doubt(self) -> bool:
        """Whether a person may have to say in the end what happened."""
        return self.retry_safety == "None" and not self.deed.probes

    @property
    def asks_the_target(self) -> bool:
        """Whether what stands before the target has to do with it."""
        return self.deed.sends == SENT


STORIES = {
    "undone-under-a-key": Story(),
    "undone-without-a-key": Story(retry_safety="None"),
    "undone-unasked": Story(approval_required=False),
    "the-target-has-no-time-at-first": Story(faults=(Fault("status", 503, retry_after=1),)),
    "the-first-answer-is-lost": Story(faults=(Fault("drop_after"),)),
    "rejected": Story(decision="Reject", ends="Cancelled"),
    "nothing-to-undo": Story(outcome="succeeded", ends=""),
    "sent-again-under-a-key": Story(choice="Retry", letter="Resolved", ends=""),
    "sent-again-without-a-key": Story(
        choice="Retry", letter="Resolved", ends="", retry_safety="None"
    ),
    "sent-again-and-the-first-answer-is-lost": Story(
        choice="Retry", letter="Resolved", ends="", faults=(Fault("drop_after"),)
    ),
}

BY_OTHER_EXECUTORS = {
    # The answer is lost in any case, so that the probe is always what tells.
    "undone-and-the-target-asked": Story(
        deed=Verified(), retry_safety="None", faults=(Fault("drop_after"),)
    ),
    "undone-by-hand": Story(deed=ByHand()),
    "an-object-deleted": Story(deed=OfAnObject()),
    "an-object-patched": Story(deed=PatchOfAnObject()),
    "undone-by-a-job": Story(deed=ByJob()),
    "sent-again-by-a-job": Story(deed=ByJob(), choice="Retry", letter="Resolved", ends=""),
    "undone-with-a-secret": Story(deed=WithASecret()),
    "undone-with-a-token": Story(deed=WithAToken()),
    "refused-for-good-and-the-owner-told": Story(
        deed=Refused(), ends="Failed", retry_safety="None"
    ),
    "an-object-applied": Story(deed=ApplyOfAnObject()),
    "a-job-cancelled": Story(deed=JobCancelled(), ends="Cancelled"),
}

MAIN = ("undone-under-a-key", "undone-without-a-key", "sent-again-under-a-key")
"""Their second operator dies as well in the campaign, and each read is a point, too."""

EVERY_STORY = {**STORIES, **BY_OTHER_EXECUTORS}
"""What the campaigns tell."""
