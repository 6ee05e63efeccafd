"""What there is to see of one Job: asked for as the tenant's service account, nothing missed.

Pods are watched from one look to the next by a watch of a second that begins where the last one
ended: it tells also of a pod that came, ended and was deleted between the two. A server remembers
events for a minute or so, and a watch that nothing happens in tells no newer place to begin at (it
is too short for a bookmark): so that place is asked for now and then, right before a watch.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any

from amends.executors.job import kubelet, pods
from amends.executors.job.manifest import container_of
from amends.executors.job.outcome import Seen, condition, last_lines
from amends.executors.job.pods import Fate
from amends.ports import Fault, Gone, Raw, Rejected, Tenants, Waiting, Work

OF_JOB = "batch.kubernetes.io/controller-uid"
"""Label that the Job controller gives to the pods of a Job, with the Job's uid."""

_LINES = (400, 40, 4)
"""How many lines of the log are asked for: more than are kept, so that a key of many lines is seen
as one, and fewer where that is too much. The last number never is, as runtimes break long lines."""
_LONGEST_LINE = 16 * 1024
_LONGEST_LOG = (_LINES[-1] + 1) * _LONGEST_LINE
_FOREGROUND = "Foreground"
_AFTER = 2.0
"""Seconds that an Event may be written after what follows from it; more if others were later."""
_HEARING = 20.0
"""Seconds that a node may take to say what it has done; one that says nothing takes them all."""
_ASKING = 0.5
"""Seconds between two questions what it says."""
_FRESH = 20.0
"""Seconds for which every server remembers events; the cache of an API server holds those of the
last 75 s at least, etcd those since its last compaction."""


class Sight:
    """One Job and its pods, as far as they have been seen."""

    def __init__(self, tenants: Tenants, work: Work, job: Raw) -> None:
        assert work.execution.job is not None
        self._tenants = tenants
        self._work = work
        self._container = container_of(work.execution.job.template)
        self._job = job
        self._whole = True
        self._is_gone = False
        self._pods: dict[str, Raw] = {}
        self._gone: set[str] = set()
        self._ran: set[str] = set()
        self._earlier: dict[str, Fate] = {}
        self._stopped: dict[str, str] = {}
        self._ended_at: dict[str, float] = {}
        self._heard_at: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._may_hear = True
        self._version: str | None = None
        self._clock = asyncio.get_running_loop().time
        self._as_of = 0.0
        self._refused: str | None = None

    @property
    def has_pods(self) -> bool:
        """Whether any pod of it was ever seen."""
        return bool(self._pods)

    @property
    def refused(self) -> str | None:
        """Why the server lets no pod of it be made, if that is so."""
        return self._refused if not self._pods else None

    def is_stuck(self) -> bool:
        """Whether its program will hardly ever begin without a person's help."""
        return any(fate.stuck and not fate.over for fate in self._fates())

    def is_over(self) -> bool:
        """Whether nothing of it runs any more, nor ever will."""
        return self._has_ended() and all(fate.over for fate in self._fates())

    def _has_ended(self) -> bool:
        ended = any(condition(self._job, kind) for kind in ("Complete", "Failed"))
        return ended or self._is_gone

    async def look(self) -> None:
        """See how things stand. Raises a Fault where the server does not answer as it should."""
        # The Job first: its pods as they are afterwards tell at least as much.
        await self._look_at_job()
        listed = self._version is None
        await (self._list() if listed else self._watch())
        if self._has_ended() and not self._pods and not listed:
            # A watch may lag behind what the Job says already. A list does not.
            await self._list()
        await self._hear()

    async def hear_out(self) -> None:
        """A program that its node has stopped may end as if by itself: the node has its say."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARING):
                while not self._has_heard():
                    await asyncio.sleep(_ASKING)
                    with suppress(Fault):
                        await self._hear()

    async def _hear(self) -> None:
        """Ask what nodes say beside their pods, and may say later."""
        for uid in self._in_doubt():
            asked_at = self._clock()
            events = await self._events(uid)
            self._ended_at.setdefault(uid, asked_at)
            self._heard_at[uid] = asked_at
            if (why := kubelet.why_stopped(events, self._container)) is not None:
                self._stopped[uid] = why
            if (delay := kubelet.delay(events, self._container)) is not None:
                self._delays[uid] = delay.total_seconds()

    def _has_heard(self) -> bool:
        """Whether a node would have said by now that it has stopped what seems to have ended by
        itself; not before it has said that it was started."""
        return not self._may_hear or all(
            uid in self._delays
            and self._heard_at[uid] - self._ended_at[uid] >= _AFTER + 2 * self._delays[uid]
            for uid in self._in_doubt()
        )

    def _in_doubt(self) -> list[str]:
        """Those whose program has ended by itself, by their status alone."""
        fates = ((uid, self._fate(uid)) for uid in self._pods)
        return [uid for uid, fate in fates if fate.ended is not None and fate.ended.by_itself]

    async def look_for_refusals(self) -> None:
        """Ask why no pod has come yet: only Events say that."""
        for event in await self._events(self._uid):
            if event.get("reason") == "FailedCreate":
                self._refused = str(event.get("message") or "no reason given")

    async def delete(self) -> None:
        """Ask that it goes, and its pods before it."""
        options = {"propagationPolicy": _FOREGROUND, "preconditions": {"uid": self._uid}}
        try:
            await self._ask("DELETE", self._path, body=options)
        except Gone:
            self._is_gone = True

    async def told(self, stopped: str | None, unseen: str | None = None) -> Seen:
        """Everything that is known, now that it is over. unseen: why its pods cannot be seen."""
        return Seen(
            job=self._job,
            fates=self._fates(),
            whole=self._whole,
            refused=self.refused,
            stopped=stopped,
            unseen=unseen,
            log=await self._log(),
        )

    @property
    def _uid(self) -> str:
        uid: str = self._job["metadata"]["uid"]
        return uid

    @property
    def _path(self) -> str:
        return job_path(self._work.namespace, self._job["metadata"]["name"])

    @property
    def _pods_path(self) -> str:
        return f"/api/v1/namespaces/{self._work.namespace}/pods"

    async def _events(self, uid: str) -> list[Raw]:
        """What was said about one object."""
        path = f"/api/v1/namespaces/{self._work.namespace}/events"
        try:
            listed = await self._ask("GET", path, {"fieldSelector": f"involvedObject.uid={uid}"})
        except Rejected:
            self._may_hear = False
            return []  # the runner may not read them
        found: list[Raw] = listed["items"]
        return found

    async def _look_at_job(self) -> None:
        try:
            found = await self._ask("GET", self._path)
        except Gone:
            self._is_gone = True
            return
        if found["metadata"]["uid"] == self._uid:
            self._job = found
        else:
            self._is_gone = True  # a namesake

    async def _list(self) -> None:
        listed = await self._ask("GET", self._pods_path, self._of_this_job)
        for pod in listed["items"]:
            self._note(pod)
        there = {pod["metadata"]["uid"] for pod in listed["items"]}
        self._gone |= self._pods.keys() - there
        self._begin_at(listed["metadata"]["resourceVersion"])

    async def _watch(self) -> None:
        # All that happens until then is told by the watch after it, which begins further back.
        is_old = self._clock() - self._as_of > _FRESH
        ahead = await self._newest() if is_old else None
        await self._watch_on()
        if ahead is not None and self._version is not None:
            self._begin_at(max(ahead, self._version, key=int))

    async def _newest(self) -> str:
        query = {**self._of_this_job, "limit": "1"}
        listed = await self._ask("GET", self._pods_path, query)
        version: str = listed["metadata"]["resourceVersion"]
        return version

    def _begin_at(self, version: str) -> None:
        self._version, self._as_of = version, self._clock()

    async def _watch_on(self) -> None:
        query = {
            **self._of_this_job,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": str(self._version),
            "timeoutSeconds": "1",
        }
        said = await self._text(self._pods_path, query)
        for line in said.splitlines():
            event = json.loads(line)
            if event["type"] == "ERROR":  # too old: somebody else's events have pushed ours out
                self._version, self._whole = None, False
                return
            self._begin_at(event["object"]["metadata"]["resourceVersion"])
            if event["type"] != "BOOKMARK":
                self._note(event["object"])
            if event["type"] == "DELETED":
                self._gone.add(event["object"]["metadata"]["uid"])

    @property
    def _of_this_job(self) -> dict[str, str]:
        return {"labelSelector": f"{OF_JOB}={self._uid}"}

    def _note(self, pod: Raw) -> None:
        uid = pod["metadata"]["uid"]
        self._pods[uid] = pod
        if pods.has_run(pod, self._container):
            self._ran.add(uid)
        self._earlier[uid] = self._fate(uid)

    def _fate(self, uid: str) -> Fate:
        gone, ran = uid in self._gone, uid in self._ran
        now = pods.fate_of(self._pods[uid], self._container, gone=gone, ran=ran)
        fate, why = now.after(self._earlier.get(uid)), self._stopped.get(uid)
        return fate.stopped(why) if why is not None else fate

    def _fates(self) -> list[Fate]:
        return [self._fate(uid) for uid in self._pods]

    async def _log(self) -> list[str] | None:
        """The last lines of the pod that began, None if they cannot be had."""
        began = next((fate for fate in self._fates() if fate.started), None)
        if began is None:
            return None
        try:
            return last_lines(await self._end_of_log(began.pod))
        except (Gone, Rejected, Waiting):  # the pod is gone, it may not be read, its node is away
            return None

    async def _end_of_log(self, pod: str) -> str:
        """So much of it that its last lines are there, and begins with a line that is whole."""
        path = f"{self._pods_path}/{pod}/log"
        query = {"container": self._container, "limitBytes": str(_LONGEST_LOG)}
        text = ""
        for lines in _LINES:
            text = await self._text(path, {**query, "tailLines": str(lines)})
            if len(text.encode()) < _LONGEST_LOG:
                # Of few lines, the first may be the rest of one that the runtime has broken.
                return text if lines == _LINES[0] else text.partition("\n")[2]
        return text.partition("\n")[2].rpartition("\n")[0]

    async def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None
    ) -> Any:
        work = self._work
        return await self._tenants.call(
            method, path, work.namespace, work.service_account, query=query, body=body
        )

    async def _text(self, path: str, query: dict[str, str]) -> str:
        work = self._work
        return await self._tenants.text(path, work.namespace, work.service_account, query=query)


def job_path(namespace: str, name: str | None = None) -> str:
    """Path of the Jobs of a namespace, or of one of them."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    return path if name is None else f"{path}/{name}"
