"""Attempts by Job, each with what befalls it; all run side by side on one node."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from amends.core.outcome import Outcome
from amends.executors.job.manifest import name_of
from amends.ports import Work
from node import BUSYBOX, Node
from support.job_site import Object, Site, owners, runs, work
from support.pods import container

JOBS, STRICT, FULL = "jobs", "jobs-strict", "jobs-full"
LITTLE_DISK: Object = {"limits": {"ephemeral-storage": "1Mi"}}
NOWHERE: Object = {"nodeSelector": {"no": "such-node"}}
FOR_EVER = "trap 'exit 0' TERM; sleep 600 & wait"
"""A program that calls it success when it is told to stop, as many do."""

LINE_OF_KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDEw5CrxyzQWUVA"
PRINTS_A_KEY = f"""
say() {{ echo "-----$1 RSA PRIVATE"" KEY-----"; }}
say BEGIN; for line in $(seq 40); do echo {LINE_OF_KEY}; done; say END; echo done; exit 3
"""
"""Longer than the lines and the bytes that are kept of a log, and than what the kubelet keeps."""


def pod(*command: str, image: str = BUSYBOX, spec: Object | None = None, **only: Any) -> Object:
    """A template of one container."""
    containers = [container(image, *command, **only)]
    return {"spec": {"terminationGracePeriodSeconds": 2, "containers": containers, **(spec or {})}}


def script(text: str, **more: Any) -> Object:
    return pod("sh", "-c", text, **more)


def said(text: str, code: int) -> Object:
    return script(f"echo '{text}' > /dev/termination-log; exit {code}")


def asks_for_a_secret() -> Object:
    reference = {"secretKeyRef": {"name": "no-such-secret", "key": "token"}}
    return script("true", env=[{"name": "TOKEN", "valueFrom": reference}])


TEMPLATES: dict[str, tuple[Object, dict[str, Any]]] = {
    "applied": (script("echo $AMENDS_IDEMPOTENCY_KEY $AMENDS_RUN_ID; echo password=hunter2"), {}),
    "mapped": (
        script("echo not yet; exit 3"),
        {"exitCodes": [{"codes": [3], "outcome": "NotApplied"}]},
    ),
    "unmapped": (script("exit 4"), {}),
    "says-not-applied": (said('{"outcome": "NotApplied", "reason": "nothing to undo"}', 1), {}),
    "says-applied": (said('{"outcome": "Applied", "evidence": {"rows": 2}}', 1), {}),
    "prints-a-key": (
        script(PRINTS_A_KEY, terminationMessagePolicy="FallbackToLogsOnError"),
        {"exitCodes": [{"codes": [3], "outcome": "Applied"}]},
    ),
    "evicted-by-node": (
        script(f"head -c 5000000 /dev/zero > /blob; {FOR_EVER}", resources=LITTLE_DISK),
        {},
    ),
    "fails-its-probe": (
        script(
            FOR_EVER,
            livenessProbe={
                "exec": {"command": ["false"]},
                "periodSeconds": 1,
                "failureThreshold": 1,
            },
        ),
        {},
    ),
    "out-of-memory": (
        script("tail /dev/zero", resources={"limits": {"memory": "16Mi"}}),
        {},
    ),
    "image-not-there": (script("true", image="localhost/none:1"), {}),
    "image-not-found": (
        script("true", image="127.0.0.1:1/none:1", imagePullPolicy="Always"),
        {},
    ),
    "unschedulable": (script("true", spec=NOWHERE), {"timeout": 4}),
    "late": (script("sleep 600"), {"timeout": 8}),
    "no-such-program": (pod("no-such-program"), {}),
    "no-such-secret": (asks_for_a_secret(), {}),
    "fails-before": (
        script("true", spec={"initContainers": [container(BUSYBOX, "false") | {"name": "first"}]}),
        {},
    ),
    "insecure": (script("true"), {"namespace": STRICT}),
    "over-quota": (script("true"), {"namespace": FULL}),
    "without-rights": (script("true"), {"account": "nobody"}),
}

Disturb = Callable[[Site, Work, Object], Awaitable[None]]


async def delete_pod(site: Site, work: Work, pod: Object) -> None:
    await site.admin.call("DELETE", _path(pod), body={})


async def evict_pod(site: Site, work: Work, pod: Object) -> None:
    named = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": named}
    await site.admin.call("POST", f"{_path(pod)}/eviction", body=body)


async def delete_job(site: Site, work: Work, pod: Object) -> None:
    path = f"/apis/batch/v1/namespaces/{work.namespace}/jobs/{name_of(work)}"
    await site.admin.call("DELETE", path, body={"propagationPolicy": "Background"})


async def stop(site: Site, work: Work, pod: Object) -> None:
    work.stop.set()


def waits(pod: Object) -> bool:
    """Whether the scheduler has looked for a place, in vain."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "PodScheduled" and one["status"] == "False" for one in conditions)


DISTURBED: dict[str, tuple[Object, Callable[[Object], bool], Disturb]] = {
    "pod-deleted": (script(FOR_EVER), runs, delete_pod),
    "pod-evicted": (script(FOR_EVER), runs, evict_pod),
    "job-deleted": (script(FOR_EVER), runs, delete_job),
    "stopped": (script(FOR_EVER), runs, stop),
    "job-deleted-before": (script("true", spec=NOWHERE), waits, delete_job),
    "stopped-before": (script("true", spec=NOWHERE), waits, stop),
}
MORE = ("taken-over", "not-ours", "lost", "lost-and-safe")


def _path(pod: Object) -> str:
    meta = pod["metadata"]
    return f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"


class Course:
    """Every attempt, and what came of it."""

    def __init__(self, cluster: Node) -> None:
        places = {name: more.get("namespace", JOBS) for name, (_, more) in TEMPLATES.items()}
        others = dict.fromkeys((*DISTURBED, *MORE), JOBS)
        self._uids = owners(cluster, {**places, **others})
        self.outcomes: dict[str, Outcome] = {}
        self.works: dict[str, Work] = {}
        self.left: dict[str, bool] = {}
        self.jobs_taken_over: list[str] = []

    def job(self, name: str) -> str:
        return f"Job {name_of(self.works[name])}"

    def __getitem__(self, name: str) -> Outcome:
        """What came of it."""
        return self.outcomes[name]

    async def run(self, cluster: Node) -> None:
        """All at once."""
        async with Site.of(cluster) as site:
            attempts: list[Coroutine[Any, Any, None]] = [
                *(self._plain(site, name, *one) for name, one in TEMPLATES.items()),
                *(self._disturbed(site, name, *one) for name, one in DISTURBED.items()),
                *(self._taken_over(site), self._not_ours(site), self._lost(site)),
            ]
            await asyncio.gather(*attempts)
            for name in ("stopped", "stopped-before", "image-not-there"):
                self.left[name] = not await site.is_gone(self.works[name])

    def _work(self, name: str, template: Object, **more: Any) -> Work:
        namespace = more.pop("namespace", JOBS)
        self.works[name] = work(name, namespace, template, uid=self._uids[name], **more)
        return self.works[name]

    async def _plain(self, site: Site, name: str, template: Object, more: dict[str, Any]) -> None:
        self.outcomes[name] = await site.executor.run(self._work(name, template, **more))

    async def _disturbed(
        self,
        site: Site,
        name: str,
        template: Object,
        when: Callable[[Object], bool],
        disturb: Disturb,
    ) -> None:
        attempt = self._work(name, template)
        running = asyncio.create_task(site.executor.run(attempt))
        await disturb(site, attempt, await site.pod(attempt, when))
        self.outcomes[name] = await running

    async def _taken_over(self, site: Site) -> None:
        """Whoever began is killed when the pod runs; another one goes on."""
        template = script("sleep 10; echo once")
        attempt = self._work("taken-over", template)
        killed = asyncio.create_task(site.executor.run(attempt))
        await site.pod(attempt, runs)
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        again = self._work("taken-over", template, begun=True)
        self.outcomes["taken-over"] = await site.executor.run(again)
        self.jobs_taken_over = await site.jobs(again)

    async def _not_ours(self, site: Site) -> None:
        """The name is taken by a Job that somebody else has made."""
        attempt = self._work("not-ours", script("true"))
        theirs = {"template": {"spec": {"restartPolicy": "Never", **script("true")["spec"]}}}
        body = {"metadata": {"name": name_of(attempt)}, "spec": {"suspend": True, **theirs}}
        await site.admin.call("POST", f"/apis/batch/v1/namespaces/{JOBS}/jobs", body=body)
        self.outcomes["not-ours"] = await site.executor.run(attempt)

    async def _lost(self, site: Site) -> None:
        """Begun by somebody, and there is no Job: only where a repeat is safe is it made anew."""
        unsafe = self._work("lost", script("true"), begun=True)
        self.outcomes["lost"] = await site.executor.run(unsafe)
        safe = self._work("lost-and-safe", script("true"), begun=True, retrySafety="Natural")
        self.outcomes["lost-and-safe"] = await site.executor.run(safe)
