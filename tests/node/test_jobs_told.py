"""What a person is told of a Job that failed on a real node, by an operator at work."""

import pytest

from support.job_site import Object
from support.tenant import condition

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

DOUBT = "; it had begun, so it may have had its effect"


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        pytest.param(
            "evicted",
            "OutcomeUnknown",
            "was evicted by its node: Pod ephemeral local storage usage exceeds the total limit of "
            f"containers 1Mi{DOUBT}",
            id="evicted",
        ),
        pytest.param("deleted", "OutcomeUnknown", f"was deleted{DOUBT}", id="deleted"),
        pytest.param(
            "out-of-memory",
            "OutcomeUnknown",
            "ran out of memory and was killed (raise resources.limits.memory in the template)"
            f"{DOUBT}",
            id="out of memory",
        ),
        pytest.param(
            "never-scheduled",
            "Failed",
            "(change what the template asks of a node (resources.requests, nodeSelector, affinity, "
            "tolerations), or add a node that has it); it was not done within timeoutSeconds (4 s)",
            id="never scheduled",
        ),
        pytest.param(
            "image-not-found",
            "Failed",
            "(change image, imagePullPolicy or imagePullSecrets in the template, or push the "
            "image); it was given up",
            id="image not found",
        ),
        pytest.param(
            "too-late",
            "OutcomeUnknown",
            f"was not done within timeoutSeconds (15 s){DOUBT}",
            id="deadline passed",
        ),
    ],
)
def test_an_operator_says_what_befell_a_job_and_what_a_person_can_do(
    name: str, reason: str, words: str, told: dict[str, Object]
) -> None:
    ready, stalled = (condition(told[name], kind) for kind in ("Ready", "Stalled"))

    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert (stalled["status"], stalled["reason"]) == ("True", reason)
    assert ready["message"] == stalled["message"]
    assert words in ready["message"]
