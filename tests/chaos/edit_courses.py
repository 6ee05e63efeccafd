"""Courses: one object in its station, edit after edit, and what comes of each.

An edit that is accepted is taken back. Where that does not lead back to the station, people do what
is left to do, and a new object takes the edits that are left.
"""

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from chaos.edit_ground import Ground, Verdict
from chaos.edit_oracles import OPERATOR, complete, edited, says_why, why_refused
from chaos.edit_rest import LATE, SOON, brought_to_rest, describe, ending, says, soon
from chaos.edit_schema import Raw
from chaos.edit_stations import Station
from chaos.edit_subjects import Subject, where
from chaos.edits import MISSING, Edit, edits_of, get, of_metadata, sampled
from integration.cluster import Refused
from support.api import path_of
from support.tenant import Tenant
from waiting import wait_for

RESTORED_IN = 1.5
JSON_PATCH = "application/json-patch+json"
STRICT = {"fieldValidation": "Strict", "fieldManager": "kubectl-edit"}
"""As kubectl asks."""
ENDS_IT = ("cancel", "compensableUntil", "deadlineSeconds", "error", "outcome")
"""Fields of a spec that end it for good, if they are set to that; an error is a failure."""


def author_of(kind: str) -> str:
    """Who writes a spec of this kind; of what nobody may write, an administrator."""
    if kind in ("Action", "Compensation"):
        return "bob"
    return "alice" if kind in ("Approval", "Disposition", "Attestation") else "admin"


def population(kind: str, obj: Raw, dice: random.Random) -> list[Edit]:
    """Every edit of the object as it is, by whoever might make it."""
    author = author_of(kind)
    found = [*edits_of(kind, obj, "spec", author, dice), *of_metadata(obj, author)]
    for edit in edits_of(kind, obj, "status", OPERATOR, dice):
        by_admin = dice.random() < 0.2
        found.append(
            Edit("status", edit.sort, edit.path, "admin", edit.remove, edit.value)
            if by_admin
            else edit
        )
    return found


@dataclass
class Course:
    """So many edits of objects in one station."""

    ground: Ground
    station: Station
    number: int
    dice: random.Random
    only: str = ""
    tenant: Tenant | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    accepted: list[Edit] = field(default_factory=list)
    """Of the subject that is being edited."""

    def run(self) -> list[Verdict]:
        """All of it."""
        subject = self._fresh()
        edits = [
            one
            for one in population(self.station.kind, subject.read(), self.dice)
            if self.only in str(one)
        ]
        for edit in sampled(edits, self.number, self.dice):
            if self._try(subject, edit):
                self._close(subject, edit)
                subject = self._fresh()
        self._finish(subject)
        return self.verdicts

    def undisturbed(self) -> Raw:
        """The end of an object that nobody edits."""
        subject = self._fresh()
        self.station.finish(subject)
        seen: list[Raw] = []

        def the_same_for_a_while() -> bool:
            seen.append(ending(subject))
            return len(seen) > 10 and all(one == seen[-1] for one in seen[-10:])

        wait_for(the_same_for_a_while, seconds=SOON, what=f"the end of {self.station}")
        return seen[-1]

    def _fresh(self) -> Subject:
        if self.tenant is None or self.station.frozen:
            self.tenant = self.ground.tenant(frozen=self.station.frozen)
        self.accepted = []
        try:
            return self.station.subject(self.tenant, self.ground.target)
        except AssertionError as why:
            said = [describe(one) for one in self.tenant.every("Approval")]
            raise AssertionError(f"{self.station}: approvals {said}; {why}") from why

    def _say(self, edit: Edit, result: str, finding: str = "") -> None:
        self.verdicts.append(Verdict(str(self.station), self.station.kind, edit, result, finding))

    def _try(self, subject: Subject, edit: Edit) -> bool:
        """One edit; whether the subject is no longer where it was."""
        before = complete(subject.kind, subject.read())
        if edit.path[-1] != "-" and len(edit.path) > 1:
            parent = get(before, edit.path[:-1])
            if parent is MISSING or (edit.remove and get(before, edit.path) is MISSING):
                return False
        after = complete(subject.kind, edited(edit, before))
        wrong = why_refused(subject.kind, edit, before, after)
        try:
            stored = self._send(subject, edit, edit.patch(before))
        except Refused as refusal:
            self._say(edit, "refused", says_why(refusal, edit) or "")
            return False
        if stored["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]:
            self._say(edit, "changes nothing", f"accepted, and {wrong}" if wrong else "")
            return False
        self.accepted.append(edit)
        if wrong is not None:
            self._say(edit, "accepted", f"accepted, and {wrong}")
        elif get(complete(subject.kind, stored), edit.path) != get(after, edit.path):
            is_now = get(complete(subject.kind, stored), edit.path)
            self._say(edit, "accepted", f"stored as something else: {is_now!r}"[:300])
        elif edit.part == "status":
            return self._status(subject, edit, before)
        else:
            self._told(subject, edit, stored, before)
        return self._take_back(subject, edit, before)

    def _told(self, subject: Subject, edit: Edit, stored: Raw, before: Raw) -> None:
        generation = stored["metadata"]["generation"]
        is_new = generation != before["metadata"]["generation"]

        def heard() -> bool:
            now = subject.read()
            return now["status"].get("observedGeneration", 0) >= generation and says(now)

        if is_new and not soon(heard):
            self._say(edit, "accepted", f"no condition within {SOON:g} s tells of it")
        else:
            self._say(edit, "told" if is_new else "effective")

    def _status(self, subject: Subject, edit: Edit, before: Raw) -> bool:
        self.ground.tampered.add(before["metadata"]["uid"])
        was = get(before, edit.path)

        def restored() -> bool:
            now = complete(subject.kind, subject.read())
            return get(now, edit.path) == was and where(now) == self.station.at

        back = soon(restored, RESTORED_IN)
        self._say(edit, "restored" if back else "believed")
        if back:
            return False
        # The machines go one way: a legal step cannot be taken back.
        return edit.path == ("status", "phase") or self._take_back(subject, edit, before)

    def _take_back(self, subject: Subject, edit: Edit, before: Raw) -> bool:
        """Undo the edit; whether the subject is elsewhere all the same."""
        now = subject.read()
        if get(now, edit.path) != get(before, edit.path):
            with suppress(Refused):  # it has gone on, which shows in where it is
                self._send(subject, edit, edit.back(before))
        patience = LATE if edit.part == "status" else SOON
        return not soon(lambda: subject.where == self.station.at, patience)

    def _send(self, subject: Subject, edit: Edit, patch: list[Raw]) -> Raw:
        part = "status" if edit.part == "status" else None
        body: Any = patch
        stored = self.ground.installed.user(edit.author).call(
            "PATCH",
            path_of(subject.kind, subject.tenant.namespace, subject.name, part),
            body,
            content_type=JSON_PATCH,
            query=STRICT,
        )
        self.ground.edited_at[stored["metadata"]["uid"]].append(time.monotonic())
        return stored

    def _close(self, subject: Subject, edit: Edit) -> None:
        """The edit has moved it for good: was it meant to? And people bring it to an end."""
        now = subject.read()
        ended = edit.path[-1] in ENDS_IT and where(now)[0] in ("Cancelled", "Recorded")
        if edit.part != "status" and not ended:
            self._say(edit, "accepted", f"not recovered after it was taken back: {describe(now)}")
        if (stuck := brought_to_rest(subject)) is not None:
            self._say(edit, "accepted", f"stuck: {stuck}")
        if len(subject.route.effects) > 1:
            self._say(edit, "accepted", f"{len(subject.route.effects)} effects")
        if self.station.once and len(subject.route.requests) > 1:
            self._say(edit, "accepted", f"{len(subject.route.requests)} requests")

    def _is_like(self, calm: Raw, end: Raw) -> bool:
        """Whose claim was taken away in its own name sends again, if a repeat is safe."""
        claims = any(one.path[:2] == ("status", "outbox") for one in self.accepted)
        again = claims and not self.station.once
        return calm == ({**end, "requests": calm["requests"]} if again else end)

    def _finish(self, subject: Subject) -> None:
        calm = self.ground.baselines.get(str(self.station))
        self.station.finish(subject)
        if calm is None or soon(lambda: self._is_like(calm, ending(subject)), LATE):
            return
        last = self.accepted[-1] if self.accepted else Edit("spec", "none", ("spec",), "nobody")
        edits = "; ".join(map(str, self.accepted))
        now = subject.read()
        why = f"ends as {ending(subject)}, undisturbed {calm}; {describe(now)}; after: {edits}"
        self._say(last, "accepted", why)
