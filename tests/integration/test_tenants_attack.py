"""A person of one tenant tries every way into another: nothing is seen, and nothing is moved.

Everything of the victim holds a word that nobody else knows. It must be in no answer; and after
every attack each of the victim's objects must be in the very version that it was in before.
"""

import json

import pytest

from amends.cli.shown.failures import Exit
from integration.cluster import PLURALS, Refused
from support.api import MERGE_PATCH, path_of
from support.plugin import Plugin
from support.victim import CORE, OTHERS, RUN, WORD, Victim

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("nothing_moves")]

PROGRAMS = ("pods", "pods/exec", "serviceaccounts/token")


def test_the_victim_is_worth_attacking(victim: Victim) -> None:
    held = {
        kind: sum(WORD in json.dumps(one) for one in victim.tenant.every(kind)) for kind in PLURALS
    }

    assert {kind for kind, count in held.items() if count} == set(PLURALS) - {
        "Disposition",
        "Attestation",
    }
    assert len(victim.versions()) > 15


# ----------------------------------------------------------------------------- at the API server

WAYS = {
    "by name": ("GET", "/{name}", {}),
    "by list": ("GET", "", {}),
    "by watch": ("GET", "", {"watch": "1", "timeoutSeconds": "1"}),
    "by watch of one": (
        *("GET", ""),
        {"watch": "1", "timeoutSeconds": "1", "fieldSelector": "metadata.name={name}"},
    ),
    "by label": ("GET", "", {"labelSelector": "word"}),
    "by field": ("GET", "", {"fieldSelector": "metadata.name={name}"}),
    "by old watch path": ("GET", "/{name}", {"watch": "1", "timeoutSeconds": "1"}),
    "as a table": ("GET", "", {"limit": "1"}),
    "to replace": ("PUT", "/{name}", {}),
    "to patch": ("PATCH", "/{name}", {}),
    "to apply": ("PATCH", "/{name}", {"fieldManager": "thief", "force": "true"}),
    "to write its status": ("PATCH", "/{name}/status", {}),
    "to create": ("POST", "", {}),
    "to try out": ("POST", "", {"dryRun": "All"}),
    "to delete": ("DELETE", "/{name}", {}),
    "to delete all": ("DELETE", "", {}),
    "to delete by label": ("DELETE", "", {"labelSelector": "word"}),
}
NAMES = {
    "Action": "post",
    "Receipt": "{receipt}",
    "DeadLetter": "{letter}",
    "Compensation": "undo",
    "Approval": "yes",
    "Disposition": "any",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_kind_of_ours_can_be_reached(way: str, victim: Victim) -> None:
    for kind, stem in NAMES.items():
        name = stem.format(receipt=victim.receipt, letter=victim.letter)
        refused(victim, "bob", way, path_of(kind, victim.namespace), name)


@pytest.mark.parametrize("way", WAYS)
def test_nor_anything_else_that_the_tenant_has(way: str, victim: Victim) -> None:
    for plural, root in {**dict.fromkeys(CORE, "/api/v1"), **OTHERS}.items():
        refused(victim, "bob", way, f"{root}/namespaces/{victim.namespace}/{plural}", "board")


@pytest.mark.parametrize("way", ["by list", "by watch", "by label", "by field"])
def test_nobody_looks_into_every_namespace_at_once(way: str, victim: Victim) -> None:
    for kind in PLURALS:
        refused(victim, "bob", way, f"/apis/amends.dev/v1alpha1/{PLURALS[kind]}", "post")
    for path in ("/api/v1/secrets", "/api/v1/events", "/apis/events.k8s.io/v1/events"):
        refused(victim, "bob", way, path, "board")


@pytest.mark.parametrize("path", ["", "/{namespace}", "/{namespace}/status"])
def test_nor_the_namespace_itself(path: str, victim: Victim) -> None:
    bob, where = victim.tenant.installed.user("bob"), path.format(namespace=victim.namespace)

    with pytest.raises(Refused, match=r'User "bob" cannot (get|list) resource "namespaces') as why:
        bob.call("GET", f"/api/v1/namespaces{where}")

    assert why.value.code == 403


@pytest.mark.parametrize("resource", PROGRAMS)
def test_nobody_runs_anything_there(resource: str, victim: Victim) -> None:
    plural, _, part = resource.partition("/")
    path = f"/api/v1/namespaces/{victim.namespace}/{plural}"
    full = f"{path}/amends-runner/{part}" if part else path

    with pytest.raises(Refused, match="cannot create resource"):
        victim.tenant.installed.user("bob").call("POST", full, {})


@pytest.mark.parametrize(
    "whom", ["carol", "system:serviceaccount:{namespace}:amends-runner", "admin"]
)
def test_nobody_goes_there_as_somebody_else(whom: str, victim: Victim) -> None:
    headers = {"Impersonate-User": whom.format(namespace=victim.namespace)}

    with pytest.raises(Refused, match='User "bob" cannot impersonate'):
        victim.tenant.installed.user("bob").call(
            "GET", path_of("Action", victim.namespace), headers=headers
        )


def refused(victim: Victim, user: str, way: str, path: str, name: str) -> None:
    """403, in words that tell nothing of the victim."""
    method, tail, query = WAYS[way]
    with pytest.raises(Refused, match=f'User "{user}" cannot') as why:
        victim.tenant.installed.user(user).call(
            method,
            path + tail.format(name=name),
            None if method in ("GET", "DELETE") else {},
            content_type=MERGE_PATCH if method == "PATCH" else "application/json",
            query={key: value.format(name=name) for key, value in query.items()},
        )
    assert why.value.code == 403
    assert WORD not in str(why.value)


# ------------------------------------------------------------------------------ kubectl amends

VERBS = (
    ("list", "actions"),
    ("list", "receipts", "--run", RUN, "-o", "yaml"),
    ("show", "compensation/undo"),
    ("tree", "--run", RUN),
    ("top",),
    ("approve", "undo", "--yes"),
    ("approve", "undo", "--dry-run=client", "-o", "yaml"),
    ("cancel", "undo", "--yes"),
    ("dispose", "{letter}", "--choice", "ignore", "--reason", "no", "--yes"),
    ("retry", "{letter}", "--reason", "go", "--yes"),
    ("verify-receipt", "{receipt}"),
)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_no_verb_reaches_into_the_victims_namespace(verb: tuple[str, ...], victim: Victim) -> None:
    told = [word.format(letter=victim.letter, receipt=victim.receipt) for word in verb]

    ended = Plugin.of(victim.tenant, "alice", 200).run(*told)

    assert (ended.code, ended.out) == (Exit.FORBIDDEN, "")
    assert ended.err.startswith("error: you may not ")
    assert WORD not in ended.err


def test_no_list_of_every_namespace_holds_the_victim(victim: Victim) -> None:
    everywhere = Plugin(
        victim.tenant.installed.cp.kubeconfig("bob"),
        victim.tenant.installed.cp.directory,
        None,
        200,
    )

    ended = everywhere.run("list", "compensations", "-A", "-o", "yaml")

    assert (ended.code, ended.out) == (Exit.FORBIDDEN, "")
    assert ended.err.startswith("error: you may not list ")
    assert WORD not in ended.err
