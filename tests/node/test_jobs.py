"""The job executor with real pods: whatever befalls one, what is known of its effect is said.

All attempts run side by side, once, as the operator, who may act as the runner there.
"""

import pytest

from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.records.redaction import redact
from amends.executors.job.manifest import name_of
from support.job_course import Course

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


def test_a_program_that_ends_with_0_has_applied_it_and_the_evidence_is_redacted(
    course: Course,
) -> None:
    outcome = course["applied"]

    assert isinstance(outcome, Applied)
    evidence = dict(outcome.evidence)
    assert evidence.pop("pod").startswith(f"{name_of(course.works['applied'])}-")
    assert evidence.pop("startedAt") <= evidence.pop("finishedAt")
    assert evidence == {
        "job": name_of(course.works["applied"]),
        "container": "only",
        "exitCode": 0,
        "reason": "Completed",
        "message": None,
        "log": ["amends:jobs/applied run-a", "password=[redacted]"],
    }


def test_i6_of_a_key_that_a_program_prints_no_line_is_put_on_record(course: Course) -> None:
    """Only its end is among the last lines of the log, and in what the kubelet keeps of it."""
    outcome = course["prints-a-key"]

    assert isinstance(outcome, Applied)
    shown = redact(outcome.evidence)
    assert (shown["message"], shown["log"]) == ("[redacted]\ndone\n", ["[redacted]", "done"])


def test_a_termination_message_is_heard_before_the_exit_code(course: Course) -> None:
    outcome = course["says-applied"]

    assert isinstance(outcome, Applied)
    assert (outcome.evidence["exitCode"], outcome.evidence["result"]) == (
        1,
        {"outcome": "Applied", "evidence": {"rows": 2}},
    )


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        pytest.param(
            "mapped",
            NotApplied,
            "ended with exit code 3 (Error), and said: not yet",
            id="an exit code that exitCodes names",
        ),
        pytest.param(
            "unmapped",
            Unknown,
            "ended with exit code 4 (Error): that does not say whether it had its effect",
            id="an exit code that nothing names",
        ),
        pytest.param(
            "says-not-applied", NotApplied, "said: nothing to undo", id="it says so itself"
        ),
        pytest.param(
            "evicted-by-node",
            Unknown,
            "was evicted by its node: Pod ephemeral local storage usage exceeds the total limit of "
            "containers 1Mi; it had begun",
            id="evicted by its node, and its program then ends with 0",
        ),
        pytest.param(
            "fails-its-probe",
            Unknown,
            "was stopped by its node: Unhealthy: Liveness probe failed:; it had begun",
            id="its liveness probe fails, and its program then ends with 0",
        ),
        pytest.param(
            "out-of-memory", Unknown, "ran out of memory and was killed", id="out of memory"
        ),
        pytest.param(
            "image-not-there",
            NotApplied,
            "never started: ErrImageNeverPull: Container image",
            id="image not there",
        ),
        pytest.param(
            "image-not-found",
            NotApplied,
            'never started: ImagePullBackOff: Back-off pulling image "127.0.0.1:1/none:1"',
            id="image not found",
        ),
        pytest.param(
            "unschedulable",
            NotApplied,
            "it was not done within timeoutSeconds (4 s)",
            id="never scheduled: the deadline",
        ),
        pytest.param(
            "unschedulable",
            NotApplied,
            "never started: Unschedulable: 0/1 nodes are available",
            id="never scheduled: the reason",
        ),
        pytest.param(
            "late",
            Unknown,
            "was not done within timeoutSeconds (8 s); it had begun, so it may have had its effect",
            id="deadline passed while it ran",
        ),
        pytest.param(
            "no-such-program", NotApplied, "never started: StartError: ", id="no such program"
        ),
        pytest.param(
            "no-such-secret",
            NotApplied,
            'never started: CreateContainerConfigError: secret "no-such-secret" not found',
            id="no such Secret",
        ),
        pytest.param(
            "fails-before",
            NotApplied,
            "never started: init container first ended with exit code 1",
            id="an init container fails",
        ),
        pytest.param(
            "insecure",
            NotApplied,
            'is forbidden: violates PodSecurity "restricted:latest"',
            id="its pod is refused",
        ),
        pytest.param(
            "over-quota", NotApplied, "is forbidden: exceeded quota: none", id="no room for its pod"
        ),
        pytest.param(
            "without-rights",
            NotApplied,
            "the operator may not act as service account nobody of namespace jobs: give it a Role",
            id="an account that the operator may not act as",
        ),
        pytest.param(
            "pod-deleted",
            Unknown,
            "was deleted; it had begun, so it may have had its effect",
            id="pod deleted, though its program then ends with 0",
        ),
        pytest.param(
            "pod-evicted",
            Unknown,
            "was evicted through the API; it had begun, so it may have had its effect",
            id="pod evicted, though its program then ends with 0",
        ),
        pytest.param(
            "job-deleted",
            Unknown,
            "was deleted; it had begun, so it may have had its effect",
            id="Job deleted while it ran",
        ),
        pytest.param(
            "job-deleted-before", NotApplied, "; it was deleted", id="Job deleted before it ran"
        ),
        pytest.param(
            "stopped",
            Unknown,
            "was stopped, as spec.cancel is true; it had begun",
            id="stopped while it ran",
        ),
        pytest.param(
            "stopped-before",
            NotApplied,
            "; it was stopped, as spec.cancel is true",
            id="stopped before it ran",
        ),
        pytest.param(
            "not-ours",
            NotApplied,
            "exists already and is not of attempt not-ours:1: delete it",
            id="the name is taken",
        ),
        pytest.param(
            "lost",
            Unknown,
            "may have been created: whoever began has stopped, and there is none of that name",
            id="begun by another process, and no Job is there",
        ),
    ],
)
def test_what_befalls_it_is_told_with_what_is_known_of_the_effect(
    name: str, kind: type[Outcome], words: str, course: Course
) -> None:
    outcome = course[name]

    assert isinstance(outcome, kind)
    assert not isinstance(outcome, Applied)
    assert outcome.reason.startswith(course.job(name))
    assert words in outcome.reason


def test_only_what_a_person_has_to_change_is_not_tried_again(course: Course) -> None:
    for_good = {
        name
        for name, outcome in course.outcomes.items()
        if isinstance(outcome, NotApplied) and not outcome.retryable
    }

    assert for_good == {"without-rights", "not-ours"}


def test_a_job_is_taken_over_by_who_comes_next_and_runs_once(course: Course) -> None:
    outcome = course["taken-over"]

    assert isinstance(outcome, Applied)
    assert outcome.evidence["log"] == ["once"]
    assert len(course.jobs_taken_over) == 1


def test_where_a_repeat_is_safe_a_job_that_is_gone_is_made_anew(course: Course) -> None:
    assert isinstance(course["lost-and-safe"], Applied)


def test_what_was_stopped_or_given_up_is_gone_with_its_pods(course: Course) -> None:
    assert course.left == {"stopped": False, "stopped-before": False, "image-not-there": False}
