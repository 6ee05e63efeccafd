"""The Job of one attempt: what it is called, what it says, and how ours is told from others'. Pure.

Everything in it follows from the attempt, so that whoever creates it a second time meets the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amends.api.resource import GROUP, MANAGED_BY, VERSION
from amends.core.records.digest import digest, short
from amends.ports import Raw, Work

ATTEMPT_KEY = "amends.dev/attempt-key"
IDEMPOTENCY_KEY = "amends.dev/idempotency-key"
SUBJECT = "amends.dev/subject"
TEMPLATE_DIGEST = "amends.dev/template-digest"
MARKS = (ATTEMPT_KEY, IDEMPOTENCY_KEY, SUBJECT, TEMPLATE_DIGEST)
"""Annotations that say whose Job it is: ours if they say all four what we would write."""

OWN_VARIABLES = "AMENDS_"
"""How the names of our environment variables begin; a template may not set them."""

KEPT_FOR = 86400
"""Seconds that a Job stays after its end, for whoever wants to look at it."""


def name_of(work: Work) -> str:
    """The name of the attempt's Job: the same for whoever makes it."""
    return f"amends-{short(work.uid, work.attempt_key)}"


def manifest(work: Work) -> dict[str, Any]:
    """The Job, as it is created. Retries are ours, so it runs one pod, once."""
    job = work.execution.job
    assert job is not None, "an objection would have been raised"
    name, template = name_of(work), _template(work, job.template)
    marks = {
        ATTEMPT_KEY: work.attempt_key,
        IDEMPOTENCY_KEY: work.idempotency_key,
        SUBJECT: f"{work.kind}/{work.name}/{work.uid}",
        TEMPLATE_DIGEST: digest(template),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": work.namespace,
            "labels": dict(MANAGED_BY),
            "annotations": marks,
            "ownerReferences": [_owner(work)],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": int(work.timeout.total_seconds()),
            "ttlSecondsAfterFinished": KEPT_FOR,
            "template": template,
        },
    }


def is_ours(found: Raw, ours: Raw) -> bool:
    """Whether a Job that bears the name is the one that this attempt has made."""
    said: Mapping[str, str] = found["metadata"].get("annotations", {})
    return all(said.get(mark) == ours["metadata"]["annotations"][mark] for mark in MARKS)


def container_of(template: Mapping[str, Any]) -> str:
    """The container whose end decides."""
    name: str = template["spec"]["containers"][0]["name"]
    return name


def grace_of(template: Mapping[str, Any]) -> int:
    """Seconds that a pod has from the request to stop until it is killed."""
    seconds = template["spec"].get("terminationGracePeriodSeconds", 30)
    return seconds if isinstance(seconds, int) else 30


def objection(template: Mapping[str, Any], account: str | None = None) -> str | None:
    """Why this template never makes a Job of ours, by its text alone."""
    return next(_objections(template, account), None)


def _objections(template: Mapping[str, Any], account: str | None) -> Iterator[str]:
    at = "job.template"
    metadata, spec = template.get("metadata", {}), template.get("spec")
    if not isinstance(spec, Mapping) or not isinstance(metadata, Mapping):
        yield f"{at} is no pod template: write {at}.spec with its containers"
        return
    for field in (*template.keys() - {"metadata", "spec"},):
        yield f"{at}.{field} is no field of a pod template: it has metadata and spec"
    for field in (*metadata.keys() - {"labels", "annotations"},):
        yield f"{at}.metadata.{field} is not taken over: leave it out; labels and annotations are"
    if (restart := spec.get("restartPolicy", "Never")) != "Never":
        yield f"{at}.spec.restartPolicy is {restart}: leave it out, a Job here never repeats itself"
    if "activeDeadlineSeconds" in spec:
        yield f"{at}.spec.activeDeadlineSeconds is timeoutSeconds here: set that, leave this out"
    if "nodeName" in spec:
        yield f"{at}.spec.nodeName passes the scheduler by: use nodeSelector or affinity"
    named = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if named is not None and account is not None and named != account:
        yield (
            f"{at}.spec.serviceAccountName is {named}, and the plan's serviceAccountName is "
            f"{account}: leave it out, or change the plan's"
        )
    yield from _container_objections(at, spec)


def _container_objections(at: str, spec: Mapping[str, Any]) -> Iterator[str]:
    containers = spec.get("containers")
    if containers is None or not _are_containers(containers) or len(containers) != 1:
        yield (
            f"{at}.spec.containers must be a list of exactly one container, whose end decides: put "
            "what has to run before or beside it into initContainers"
        )
        return
    if not _are_containers(spec.get("initContainers", [])):
        yield f"{at}.spec.initContainers must be a list of containers"
        return
    for place, container in _each_container(spec):
        if not isinstance(container.get("name"), str) or not container["name"]:
            yield f"{at}.spec.{place} has no name: give it one"
        variables = container.get("env", [])
        if not _are_containers(variables):
            yield f"{at}.spec.{place}.env must be a list of variables"
            return
        for variable in variables:
            if str(variable.get("name", "")).startswith(OWN_VARIABLES):
                yield (
                    f"{at}.spec.{place}.env names {variable['name']}: names that begin with "
                    f"{OWN_VARIABLES} are set by Amends, so choose another one"
                )


def _are_containers(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, Mapping) for one in found)


def _each_container(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind, [])):
            yield f"{kind}[{number}]", container


def _template(work: Work, template: Mapping[str, Any]) -> dict[str, Any]:
    """Theirs, with the account, the restart policy and the environment that are ours."""
    variables = _variables(work)
    spec = {
        **template["spec"],
        "restartPolicy": "Never",
        "serviceAccountName": work.service_account,
    }
    spec.pop("serviceAccount", None)
    for kind in ("initContainers", "containers"):
        if kind in spec:
            spec[kind] = [_with(variables, container) for container in spec[kind]]
    return {**template, "spec": spec}


def _with(variables: Sequence[Mapping[str, str]], container: Mapping[str, Any]) -> dict[str, Any]:
    """Ours come first, so that theirs may refer to them: `$(AMENDS_IDEMPOTENCY_KEY)`."""
    return {**container, "env": [*variables, *container.get("env", [])]}


def _variables(work: Work) -> list[dict[str, str]]:
    values = {
        "AMENDS_IDEMPOTENCY_KEY": work.idempotency_key,
        "AMENDS_ATTEMPT_KEY": work.attempt_key,
        "AMENDS_NAMESPACE": work.namespace,
        "AMENDS_KIND": work.kind,
        "AMENDS_NAME": work.name,
        "AMENDS_UID": work.uid,
        "AMENDS_RUN_ID": work.run_id or "",
    }
    # A dollar that is meant: Kubernetes would take $(X) in a key for a reference to a variable.
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items()]


def _owner(work: Work) -> dict[str, Any]:
    """It goes with the object that asked for it; nothing waits for it, so nothing is blocked."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": work.kind,
        "name": work.name,
        "uid": work.uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }
