"""Births: objects that are created with one field of their spec put wrong, or otherwise."""

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from chaos.edit_courses import author_of
from chaos.edit_ground import Ground, Verdict
from chaos.edit_oracles import OPERATOR, complete, edited, says_why, why_refused
from chaos.edit_rest import brought_to_rest, describe, says, soon
from chaos.edit_schema import Raw
from chaos.edit_subjects import Subject
from chaos.edits import Edit, edits_of, get, sampled
from installation import REPO
from integration.cluster import Refused
from integration.objects import MOST, named
from support.api import path_of
from support.manifests import unique
from support.namespaces import annotate
from support.target import APPLIED
from support.tenant import Tenant

FAR = "2099-01-01T00:00:00.000Z"
NOT_OF_PEOPLE = ("requester", "actor", "onBehalfOf", "suspend", "cancel")
EXAMPLES = ("changing-objects/scale-back.yaml", "job/compensation.yaml")

_TLS: Raw = {name: {"name": "pki", "key": name} for name in ("certificate", "key", "ca")}
_PROVEN: Raw = {
    "oauth2": {
        "tokenUrl": "https://127.0.0.1:1/token",
        "clientId": "amends",
        "clientSecretFrom": {"name": "client", "key": "secret"},
        "scopes": ["tickets.write"],
        "audience": "tickets",
        "authStyle": "Body",
        "tls": _TLS,
    },
    "tls": _TLS,
    "headers": [
        {"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
    ],
    "assertions": [{"path": "$.state", "equals": "closed"}],
    "otherwise": "NotApplied",
}
"""How a request proves who sends it, and what has to hold of the answer."""
PROVING: Raw = {
    "targetEffect": "effect-1",
    "execution": {
        "http": {
            "method": "POST",
            "url": "https://127.0.0.1:1/close",
            "body": {"auth": {}},
            "bodyFrom": [{"path": "/auth/pin", "secretKeyRef": {"name": "api", "key": "pin"}}],
            **_PROVEN,
        }
    },
    "verify": {
        "http": {"url": "https://127.0.0.1:1/state", **_PROVEN},
        "afterSeconds": 5,
        "attempts": 2,
    },
}


def _writable(spec: Raw) -> Raw:
    """As a person may write it, and without a reference to a Secret."""
    kept: Raw = {
        name: copy.deepcopy(one) for name, one in spec.items() if name not in NOT_OF_PEOPLE
    }
    for plan in (kept, kept.get("compensation", {}), kept.get("retry", {})):
        for http in (plan.get("http"), plan.get("execution", {}).get("http")):
            if http is not None:
                http["headers"] = [one for one in http["headers"] if "value" in one]
                http.pop("bodyFrom", None)
        if "serviceAccountName" in plan:
            plan["serviceAccountName"] = "amends-runner"
        if "compensableUntil" in plan:
            plan["compensableUntil"] = FAR
    return kept


def bases() -> Iterator[tuple[str, str, Raw]]:
    """The kind, a word for it, and the spec that is edited before it is created."""
    for kind, spec in MOST.items():
        yield kind, "http" if kind == "Compensation" else "most", _writable(spec)
    for file in EXAMPLES:
        for one in yaml.safe_load_all((REPO / "examples" / file).read_text()):
            if one is not None and one["kind"] == "Compensation":
                yield "Compensation", next(iter(one["spec"]["execution"])), one["spec"]
    yield "Compensation", "http, proving who asks", PROVING
    plug_in: Raw = {"name": "pager", "config": {"page": 17}}
    for execution in (
        {"manual": {"instructions": "do it", "deadlineSeconds": 60}},
        {"plugIn": plug_in},
    ):
        spec = {"targetEffect": "effect-1", "execution": execution}
        yield "Compensation", next(iter(execution)), spec


@dataclass
class Births:
    """So many objects of one kind, each with one field edited."""

    ground: Ground
    kind: str
    word: str
    spec: Raw
    number: int
    dice: random.Random
    only: str = ""
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def station(self) -> str:
        """What it is called in the figures."""
        return f"{self.kind} created ({self.word})"

    def run(self) -> list[Verdict]:
        """All of it."""
        tenant = self.ground.tenant()
        tenant.let("bob", ("batch", "jobs", "create", ""), ("", "secrets", "use", ""))
        author = author_of(self.kind)
        author = OPERATOR if author == "admin" else author
        base = named(self.kind, "base", self.spec)
        self._create(tenant, author, base, dry=True)
        edits = [
            one
            for one in edits_of(self.kind, base, "spec", author, self.dice)
            if self.only in str(one)
        ]
        for edit in sampled(edits, self.number, self.dice):
            self._try(tenant, edit, base)
        return self.verdicts

    def _create(self, tenant: Tenant, author: str, obj: Raw, *, dry: bool = False) -> Raw:
        query = {"fieldValidation": "Strict", **({"dryRun": "All"} if dry else {})}
        path = path_of(self.kind, tenant.namespace)
        return self.ground.installed.user(author).call("POST", path, obj, query=query)

    def _try(self, tenant: Tenant, edit: Edit, base: Raw) -> None:
        name = unique("born")
        obj: Raw = {**edited(edit, base), "metadata": {"name": name}}
        after = complete(self.kind, obj)
        wrong = why_refused(self.kind, edit, None, after)
        try:
            stored = self._create(tenant, edit.author, obj)
        except Refused as refusal:
            self._say(edit, "refused", says_why(refusal, edit) or "")
            return
        if edit.author == OPERATOR:
            self.ground.tampered.add(stored["metadata"]["uid"])
        if wrong is not None:
            self._say(edit, "accepted", f"accepted, and {wrong}")
        elif get(stored, edit.path) != get(after, edit.path):
            self._say(
                edit, "accepted", f"stored as something else: {get(stored, edit.path)!r}"[:300]
            )
        elif self.kind == "Receipt":
            self._say(edit, "effective")
        else:
            self._rest(Subject(tenant, self.kind, name, self.ground.target.route(APPLIED)), edit)

    def _rest(self, subject: Subject, edit: Edit) -> None:
        told = soon(lambda: says(subject.read()))
        self._say(edit, "told", "" if told else "no condition tells of it")
        if self.kind != "Action" and (stuck := brought_to_rest(subject)) is not None:
            self._say(edit, "accepted", f"stuck: {stuck}")
        if self.kind == "Action" and not says(now := subject.read()):
            self._say(edit, "accepted", f"stuck: {describe(now)}")

    def _say(self, edit: Edit, result: str, finding: str = "") -> None:
        self.verdicts.append(Verdict(self.station, self.kind, edit, result, finding))


ANNOTATIONS: Mapping[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "amends.dev/retention": (("30d", "0", "999999999d"), ("", "soon", "1y", "-1d", "1 d", "日")),
    "amends.dev/duplicate-window": (("10m", "0"), ("", "x", "1h30m", "9999999999s")),
    "amends.dev/unapproved": (("allow",), ("", "Allow", "true", "allow ")),
    "amends.dev/approvers": (("1", "10"), ("", "0", "11", "two", "1.0", "-1")),
    "amends.dev/approver-groups": (
        ("sre", "sre,security"),
        ("", ",", "a,,b", ",".join("abcdefghijk")),
    ),
    "amends.dev/approval-validity": (("1s", "24h"), ("", "0", "0s", "1w", "forever")),
    "amends.dev/freeze": (("why not", "日本語 🎉"), ("", "false", " NO ", "0", "off")),
    "amends.dev/target-limits": (
        ("*=1", "https://api.example.com=64,*=4"),
        ("", "*", "*=0", "*=65", "=1", ",".join(f"a{n}=1" for n in range(33))),
    ),
    "amends.dev/owner": (("team-payments", "Ada Lovelace 日本"), ("", "a\nb", "x" * 254)),
    "amends.dev/escalate-after": (("0", "15m", "7d"), ("", "soon", "1w", "-1h", "1h30m")),
    "amends.dev/escalation-webhook-secret": (
        ("pager", "a.b-c"),
        ("", "Pager", "other/pager", "-a", "a" * 254),
    ),
}
"""What may be said, and what may not."""


def annotated(ground: Ground, only: str) -> list[Verdict]:
    """Every annotation of a namespace, put right and wrong; each is taken back."""
    tenant, found = ground.tenant(), []
    for name, (right, wrong) in ANNOTATIONS.items():
        for value in (*right, *wrong):
            sort = "out of bounds" if value in wrong else "other legal value"
            path = ("metadata", "annotations", name)
            edit = Edit("metadata", sort, path, "admin", value=value)
            if only not in str(edit):
                continue
            try:
                annotate(tenant, tenant.namespace, {name: value})
            except Refused as refusal:
                found.append(_of_annotation(edit, "refused", says_why(refusal, edit) or ""))
                if value in right:
                    found.append(_of_annotation(edit, "refused", f"is legal: {refusal}"))
                continue
            why = "accepted, and nobody can read it" if value in wrong else ""
            found.append(_of_annotation(edit, "effective", why))
            annotate(tenant, tenant.namespace, {name: None})
    return found


def _of_annotation(edit: Edit, result: str, finding: str) -> Verdict:
    return Verdict("Namespace annotated", "Namespace", edit, result, finding)
