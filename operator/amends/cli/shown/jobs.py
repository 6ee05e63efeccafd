"""What a Job would run, in words, before anybody approves it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from amends.api.job import JobExecution
from amends.executors.job import manifest


def described(job: JobExecution, account: str, seconds: int) -> str:
    """Who runs what, in the order in which it runs; or why it never does."""
    if (why := manifest.objection(job.template, account)) is not None:
        return f"the job executor refuses it: {why}"
    spec = job.template["spec"]
    containers = (*spec.get("initContainers", []), *spec["containers"])
    programs = "; then ".join(" ".join(_program(one)) for one in containers)
    return f"a Job runs as service account {account}, for at most {seconds} s: {programs}"


def _program(container: Mapping[str, Any]) -> Iterator[str]:
    yield f"image {container.get('image')}"
    for field in ("command", "args"):
        if field in container:
            yield f"with {field} {json.dumps(container[field], ensure_ascii=False)}"
