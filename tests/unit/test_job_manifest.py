"""The Job of an attempt: its name, what is in it, whose it is, and which templates make none."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api.execution import Execution
from amends.executors.job.manifest import is_ours, manifest, name_of, objection
from amends.ports import Work
from support.api import Object

ONLY: Object = {"name": "undo", "image": "registry.example.com/undo:1"}


def template(only: Object | None = None, **spec: Any) -> Object:
    return {"spec": {"containers": [{**ONLY, **(only or {})}], **spec}}


def work(given: Object | None = None, **changes: Any) -> Work:
    execution = Execution.model_validate({"job": {"template": given or template()}})
    about = {
        "namespace": "tenant-a",
        "name": "undo",
        "execution": execution,
        "service_account": "amends-runner",
        "idempotency_key": "run$(X)",
        "attempt_key": "undo:1",
        "timeout": timedelta(seconds=60),
        "uid": "uid-1",
    }
    return Work(**{**about, **changes})


def test_the_same_attempt_has_the_same_job_and_another_one_another() -> None:
    assert manifest(work()) == manifest(work())
    names = {name_of(work()), name_of(work(attempt_key="undo:2")), name_of(work(uid="uid-2"))}
    assert len(names) == 3
    assert all(len(name) == len("amends-") + 16 for name in names)


def test_every_container_knows_the_key_and_theirs_may_refer_to_it() -> None:
    own = {"name": "KEY", "value": "$(AMENDS_IDEMPOTENCY_KEY)"}
    given = template({"env": [own]}, initContainers=[{"name": "first", "image": "x"}])

    spec = manifest(work(given))["spec"]["template"]["spec"]

    (first,), (only,) = spec["initContainers"], spec["containers"]
    assert first["env"][0] == {"name": "AMENDS_IDEMPOTENCY_KEY", "value": "run$$(X)"}
    assert only["env"] == [*first["env"], own]


@pytest.mark.parametrize(
    "mark",
    [
        "amends.dev/attempt-key",
        "amends.dev/idempotency-key",
        "amends.dev/subject",
        "amends.dev/template-digest",
    ],
)
def test_a_job_is_ours_if_each_of_its_marks_is(mark: str) -> None:
    ours, found = manifest(work()), manifest(work())

    assert is_ours(found, ours)
    found["metadata"]["annotations"][mark] = "theirs"
    assert not is_ours(found, ours)
    assert not is_ours({"metadata": {}}, ours)


def test_a_template_that_makes_a_job_meets_no_objection() -> None:
    given = {
        "metadata": {"labels": {"team": "board"}, "annotations": {"a": "b"}},
        **template(
            restartPolicy="Never", serviceAccountName="amends-runner", nodeSelector={"a": "b"}
        ),
    }

    assert objection(given, "amends-runner") is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({}, "job.template is no pod template", id="empty"),
        pytest.param({"spec": []}, "job.template is no pod template", id="no mapping"),
        pytest.param(
            {**template(), "kind": "Pod"}, "job.template.kind is no field", id="another field"
        ),
        pytest.param(
            {**template(), "metadata": {"finalizers": ["a/b"]}},
            "job.template.metadata.finalizers is not taken over",
            id="finalizers",
        ),
        pytest.param(
            template(restartPolicy="OnFailure"),
            "job.template.spec.restartPolicy is OnFailure: leave it out",
            id="restarts",
        ),
        pytest.param(
            template(activeDeadlineSeconds=5),
            "job.template.spec.activeDeadlineSeconds is timeoutSeconds here",
            id="deadline",
        ),
        pytest.param(template(nodeName="a"), "job.template.spec.nodeName passes", id="node"),
        pytest.param(
            template(serviceAccountName="powerful"),
            "serviceAccountName is powerful, and the plan's serviceAccountName is amends-runner",
            id="account",
        ),
        pytest.param(
            template(serviceAccount="powerful"), "serviceAccountName is powerful", id="old account"
        ),
        pytest.param({"spec": {}}, "must be a list of exactly one container", id="no container"),
        pytest.param(
            {"spec": {"containers": [ONLY, ONLY]}},
            "must be a list of exactly one container",
            id="two containers",
        ),
        pytest.param(
            {"spec": {"containers": ["undo"]}}, "must be a list of exactly one", id="a word"
        ),
        pytest.param(
            template(initContainers="first"), "initContainers must be a list", id="no list"
        ),
        pytest.param(
            {"spec": {"containers": [{"image": "x"}]}}, "containers[0] has no name", id="no name"
        ),
        pytest.param(template({"env": {"a": "b"}}), "env must be a list of variables", id="env"),
        pytest.param(
            template({"env": [{"name": "AMENDS_UID", "value": "1"}]}),
            "containers[0].env names AMENDS_UID: names that begin with AMENDS_ are set by Amends",
            id="one of ours",
        ),
    ],
)
def test_a_template_that_makes_no_job_is_objected_to(given: Object, words: str) -> None:
    said = objection(given, "amends-runner")

    assert said is not None
    assert words in said
