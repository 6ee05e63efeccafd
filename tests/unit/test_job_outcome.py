"""What became of a Job: every way in which a pod can end, from its status to an Outcome."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api.job import JobExecution
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.job.kubelet import delay, why_stopped
from amends.executors.job.outcome import MOST_LOG, Seen, judge, last_lines
from amends.executors.job.pods import fate_of
from support.api import Object

START, END, LATER = "2026-01-01T00:00:01Z", "2026-01-01T00:00:09Z", "2026-01-01T00:00:40Z"
MAPPED = JobExecution.model_validate(
    {"template": {}, "exitCodes": [{"codes": [3, 0], "outcome": "NotApplied"}]}
)
PLAIN = JobExecution.model_validate({"template": {}})


def ended(code: int = 0, reason: str = "Completed", message: str = "", **more: Any) -> Object:
    times = {"startedAt": START, "finishedAt": END}
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, **times, **more}}


def waiting(reason: str, message: str) -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def pod(
    state: Object | None = None,
    phase: str = "Failed",
    *,
    node: str | None = "a",
    deleted: str | None = None,
    grace: int = 30,
    target: str | None = None,
    identity: str = "containerd://1",
    last: Object | None = None,
    **status: Any,
) -> Object:
    only = {"name": "only", "state": state, "lastState": last or {}, "containerID": identity}
    containers = [only] if state else []
    metadata: Object = {"name": "job-1", "uid": "1"}
    if deleted is not None:
        metadata |= {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": grace}
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": target}
    return {
        "metadata": metadata,
        "spec": {"nodeName": node} if node else {},
        "status": {
            "phase": phase,
            "containerStatuses": containers,
            "conditions": [disruption] if target else [],
            **status,
        },
    }


def outcome_of(
    *pods: Object,
    execution: JobExecution = PLAIN,
    job: Object | None = None,
    gone: bool = False,
    ran: bool = False,
    **seen: Any,
) -> Outcome:
    fates = [fate_of(one, "only", gone=gone, ran=ran) for one in pods]
    found = {"metadata": {"name": "job"}, "spec": {"activeDeadlineSeconds": 60}, **(job or {})}
    return judge(execution, "only", Seen(found, fates, **{"whole": True, **seen}))


def with_condition(kind: str, reason: str = "", **status: Any) -> Object:
    conditions = [{"type": kind, "status": "True", "reason": reason}]
    return {"status": {"conditions": conditions, **status}}


BEGAN = "; it had begun, so it may have had its effect"
ASKED_AT_30: dict[str, Any] = {"deleted": LATER, "grace": 10}
"""Somebody asked for its deletion 30 s after the minute began."""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # ------------------------------------------------ ended by itself: its word, then its code
        pytest.param(
            outcome_of(pod(ended(3, "Error")), execution=MAPPED),
            NotApplied("Job job: container only of pod job-1 ended with exit code 3 (Error)"),
            id="a code that the table names",
        ),
        pytest.param(
            outcome_of(pod(ended(0)), execution=MAPPED),
            NotApplied("Job job: container only of pod job-1 ended with exit code 0 (Completed)"),
            id="the table goes before the default of 0",
        ),
        pytest.param(
            outcome_of(pod(ended(1, "Error", "broken pipe\npassword=hunter2"))),
            Unknown(
                "Job job: container only of pod job-1 ended with exit code 1 (Error), and said: "
                "password=[redacted]: that does not say whether it had its effect"
            ),
            id="a message that is no JSON is quoted, redacted",
        ),
        pytest.param(
            outcome_of(pod(ended(0, message='{"outcome": "Unknown", "reason": "half done"}'))),
            Unknown("Job job: container only of pod job-1 said: half done"),
            id="it says Unknown, with 0",
        ),
        pytest.param(
            outcome_of(pod(ended(0, message='{"outcome": "NotApplied", "retryable": false}'))),
            NotApplied("Job job: container only of pod job-1 said: no reason given", False),
            id="it says that another attempt is of no use",
        ),
        pytest.param(
            outcome_of(pod(ended(0, message='{"outcome": "applied"}'))),
            Unknown(
                "Job job: container only of pod job-1 wrote a termination message whose outcome is "
                '"applied": it must be Applied, NotApplied or Unknown'
            ),
            id="it says what nobody understands",
        ),
        pytest.param(
            outcome_of(pod(ended(5, "Error"), **ASKED_AT_30)),
            Unknown(
                "Job job: container only of pod job-1 ended with exit code 5 (Error): that does "
                "not say whether it had its effect"
            ),
            id="deleted after it had ended",
        ),
        # -------------------------------------------------------------------- ended from outside
        pytest.param(
            outcome_of(pod(ended(0, finishedAt=LATER), "Succeeded", **ASKED_AT_30)),
            Unknown(f"Job job: pod job-1 was deleted{BEGAN}"),
            id="deleted, and then it ended with 0",
        ),
        pytest.param(
            outcome_of(pod(ended(0), "Succeeded", deleted=LATER, grace=0)),
            Unknown(f"Job job: pod job-1 was deleted{BEGAN}"),
            id="deleted nobody knows when",
        ),
        pytest.param(
            outcome_of(pod(ended(0, "OOMKilled", '{"outcome": "Applied"}'))),
            Unknown(
                "Job job: container only of pod job-1 ran out of memory and was killed (raise "
                f"resources.limits.memory in the template){BEGAN}"
            ),
            id="out of memory: what it said before is not heard",
        ),
        pytest.param(
            outcome_of(
                pod(
                    ended(0, message='{"outcome": "Applied"}'),
                    reason="Evicted",
                    message="The node was low on resource: memory.",
                )
            ),
            Unknown(
                "Job job: pod job-1 was evicted by its node: The node was low on resource: "
                f"memory{BEGAN}"
            ),
            id="evicted by the kubelet",
        ),
        pytest.param(
            outcome_of(pod(ended(137, "Error"), target="DeletionByTaintManager")),
            Unknown(f"Job job: pod job-1 was evicted, as its node got a taint{BEGAN}"),
            id="evicted for a taint",
        ),
        pytest.param(
            outcome_of(pod(ended(137, "Error"), target="PreemptionByScheduler")),
            Unknown(f"Job job: pod job-1 made way for a pod of higher priority{BEGAN}"),
            id="preempted",
        ),
        pytest.param(
            outcome_of(pod(ended(137, "ContainerStatusUnknown"), target="DeletionByPodGC")),
            Unknown("Job job: pod job-1 was lost with its node, and nobody saw whether it began"),
            id="its node is gone, and it was never seen to run",
        ),
        pytest.param(
            outcome_of(
                pod(ended(137, "ContainerStatusUnknown"), target="DeletionByPodGC"), ran=True
            ),
            Unknown(f"Job job: pod job-1 was lost with its node{BEGAN}"),
            id="its node is gone, and it was seen to run",
        ),
        pytest.param(
            outcome_of(
                pod(ended(137, "Error", finishedAt=LATER), **ASKED_AT_30),
                job=with_condition("FailureTarget", "DeadlineExceeded"),
            ),
            Unknown(f"Job job: pod job-1 was not done within timeoutSeconds (60 s){BEGAN}"),
            id="the deadline passed while it ran",
        ),
        # --------------------------------------------------------------------------- never began
        pytest.param(
            outcome_of(pod(node=None, phase="Pending", deleted=LATER), gone=True),
            NotApplied("Job job: pod job-1 never started: it was deleted"),
            id="deleted before it had a node",
        ),
        pytest.param(
            outcome_of(pod(reason="OutOfcpu", message="Node didn't have enough resource: cpu")),
            NotApplied(
                "Job job: pod job-1 never started: OutOfcpu: Node didn't have enough resource: cpu"
            ),
            id="its node did not take it",
        ),
        pytest.param(
            outcome_of(pod(reason="Evicted", message="low on memory")),
            NotApplied(
                "Job job: pod job-1 never started: Evicted: low on memory; it was evicted by its "
                "node: low on memory"
            ),
            id="evicted before it began",
        ),
        pytest.param(
            outcome_of(pod(ended(137, "ContainerStatusUnknown"), identity="", deleted=LATER)),
            NotApplied("Job job: pod job-1 never started: it was deleted"),
            id="the kubelet has closed it, and never made its container",
        ),
        pytest.param(
            outcome_of(pod(ended(137, "ContainerStatusUnknown"), deleted=LATER)),
            Unknown("Job job: pod job-1 was deleted, and nobody saw whether it began"),
            id="there was a container, and the kubelet has lost it",
        ),
        pytest.param(
            outcome_of(pod(phase="Pending", deleted=LATER), gone=True),
            Unknown("Job job: pod job-1 was deleted, and nobody saw whether it began"),
            id="it went, by force, without the kubelet's word",
        ),
        pytest.param(
            outcome_of(pod(waiting("ImagePullBackOff", "Back-off"), "Pending")),
            NotApplied(
                "Job job: pod job-1 never started: ImagePullBackOff: Back-off (change image, "
                "imagePullPolicy or imagePullSecrets in the template, or push the image)"
            ),
            id="image not found",
        ),
        pytest.param(
            outcome_of(
                pod(
                    {"waiting": {"reason": "ContainerCreating"}},
                    identity="",
                    reason="Evicted",
                    message="low on disk",
                    last={"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}},
                )
            ),
            Unknown(f"Job job: pod job-1 was evicted by its node: low on disk{BEGAN}"),
            id="evicted so fast that only its last state tells that it ran",
        ),
        # -------------------------------------------------------------------------- without a pod
        pytest.param(
            outcome_of(refused='pods "x" is forbidden: exceeded quota', stopped="was given up"),
            NotApplied('Job job never got a pod: pods "x" is forbidden: exceeded quota'),
            id="no pod of it may be made",
        ),
        pytest.param(
            outcome_of(job=with_condition("Failed", "DeadlineExceeded")),
            NotApplied("Job job never got a pod: it was not done within timeoutSeconds (60 s)"),
            id="no pod before the deadline",
        ),
        pytest.param(
            outcome_of(job=with_condition("Complete", succeeded=1)),
            Applied({"job": "job", "exitCode": 0}),
            id="complete, and its pod is gone",
        ),
        pytest.param(
            outcome_of(job=with_condition("Complete", succeeded=1), execution=MAPPED),
            Unknown("Job job is complete, and its pod is gone with what it said"),
            id="complete, its pod is gone, and 0 means something else",
        ),
        pytest.param(
            outcome_of(job=with_condition("Failed", "BackoffLimitExceeded", failed=1)),
            Unknown("Job job: its pod is gone, and nobody saw how it ended"),
            id="it has counted a pod that is gone",
        ),
        pytest.param(
            outcome_of(job=with_condition("Failed", "BackoffLimitExceeded"), whole=False),
            Unknown("Job job: its pod is gone, and nobody saw how it ended"),
            id="something of it was missed",
        ),
    ],
)
def test_what_is_certain_of_the_effect_is_said_and_no_more(
    found: Outcome, expected: Outcome
) -> None:
    assert found == expected


def test_the_first_version_that_knew_the_end_counts() -> None:
    before = fate_of(pod(ended(0), "Succeeded"), "only")
    after = fate_of(pod(ended(0), "Succeeded", deleted=END, grace=0), "only")

    assert before.ended is not None
    assert after.after(before).ended == before.ended
    assert before.ended.by_itself


ONLY, BESIDE = "spec.containers{only}", "spec.initContainers{beside}"


def event(reason: str, message: str, where: str | None = None) -> Object:
    return {"reason": reason, "message": message, "involvedObject": {"fieldPath": where}}


def told(stored: str, happened: str | None, where: str | None = ONLY, **more: Any) -> Object:
    event = {"metadata": {"creationTimestamp": stored}, "firstTimestamp": happened, **more}
    return {**event, "reason": "Started", "involvedObject": {"fieldPath": where}}


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        pytest.param([], None, id="nothing was told"),
        pytest.param([event("Pulled", "it was there", ONLY)], None, id="not yet"),
        pytest.param([told(END, START, BESIDE)], None, id="of one beside it"),
        pytest.param([told(END, START)], 8, id="late"),
        pytest.param([told(END, START, None)], 8, id="by what names no container"),
        pytest.param([told(END, None, eventTime=START)], 8, id="in the newer form"),
        pytest.param([told(END, None)], 0, id="nobody says when it happened"),
        pytest.param([told(START, END)], 0, id="by a clock that is ahead"),
    ],
)
def test_how_late_a_node_has_told_that_the_program_has_started(
    events: list[Object], seconds: int | None
) -> None:
    expected = timedelta(seconds=seconds) if seconds is not None else None
    assert delay(events, "only") == expected


KILLING = event("Killing", "Stopping container only", ONLY)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        pytest.param([], None, id="nothing was said"),
        pytest.param([event("Started", "Container started", ONLY)], None, id="only that it began"),
        pytest.param([event("Killing", "Stopping", BESIDE)], None, id="one beside it was stopped"),
        pytest.param([event("Unhealthy", "probe failed", ONLY)], None, id="a probe that may fail"),
        pytest.param(
            [KILLING],
            "stopped by its node: Killing: Stopping container only",
            id="for no reason given",
        ),
        pytest.param(
            [KILLING, event("Evicted", "Pod uses more than\n1Mi. ")],
            "evicted by its node: Pod uses more than 1Mi",
            id="evicted",
        ),
        pytest.param(
            [event("Unhealthy", "Liveness probe failed: ", ONLY), KILLING],
            "stopped by its node: Unhealthy: Liveness probe failed:",
            id="its probe has failed",
        ),
    ],
)
def test_a_program_that_its_node_stopped_and_that_ended_with_0_is_not_taken_at_its_word(
    events: list[Object], why: str | None
) -> None:
    """As a kubelet leaves it: the pod has succeeded, and only Events tell of the rest."""
    fate = fate_of(pod(ended(0), "Succeeded"), "only")
    said = why_stopped(events, "only")

    assert said == (f"was {why}" if why is not None else None)
    if said is not None:
        job = {"metadata": {"name": "job"}}
        found = judge(PLAIN, "only", Seen(job, [fate.stopped(said)], whole=True))
        assert found == Unknown(f"Job job: pod job-1 {said}{BEGAN}")


def test_of_a_log_the_last_whole_lines_are_kept() -> None:
    long = "x" * (MOST_LOG // 2)

    assert last_lines("\n".join(map(str, range(30)))) == [str(line) for line in range(10, 30)]
    assert last_lines(f"first\n{long}\n{long}\nlast") == [long, "last"]
    assert last_lines("y" * (MOST_LOG + 1)) == []


def test_a_secret_over_several_lines_is_found_before_the_log_is_cut() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIE\n" * 30 + "-----END PRIVATE KEY-----\ndone"

    assert last_lines(key) == ["[redacted]", "done"]


LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDEw5CrxyzQWUVA\n"
ENDING = "-----END PRIVATE" + " KEY-----\n"


@pytest.mark.parametrize(
    ("message", "policy", "expected"),
    [
        pytest.param(
            ("word=hunter2\n" + LINE * 40)[-2038 + len(ENDING) :] + ENDING + "not done\n",
            "FallbackToLogsOnError",
            "not done",
            id="the end of a log: half a line, and a key without its begin",
        ),
        pytest.param(
            "ter2 " + "x" * 2043, "FallbackToLogsOnError", "", id="the end of a log: half a line"
        ),
        pytest.param("first\n" + "x" * 4090, "File", "first", id="the beginning of a file"),
        pytest.param("x" * 2100, "File", "x" * 500, id="a whole line"),
    ],
)
def test_i6_of_what_the_kubelet_has_cut_only_whole_lines_are_shown(
    message: str, policy: str, expected: str
) -> None:
    given = pod(ended(1, "Error", message))
    given["spec"]["containers"] = [{"name": "only", "terminationMessagePolicy": policy}]
    words = f", and said: {expected}" if expected else ""

    outcome = outcome_of(given)

    assert isinstance(outcome, Unknown)
    assert outcome.reason == (
        f"Job job: container only of pod job-1 ended with exit code 1 (Error){words}: "
        "that does not say whether it had its effect"
    )
