"""Statements as people write them, of every kind."""

import pytest

from support.api import Object
from support.manifests import approval, attestation, disposition

DIGEST = "sha256:" + "0" * 64

STATEMENTS = {
    "Approval": approval("statement", "undo", planDigest=DIGEST),
    "Disposition": disposition("statement", "letter"),
    "Attestation": attestation("statement", "undo"),
}
EVERY_KIND = pytest.mark.parametrize("kind", STATEMENTS)


def statement(kind: str, **spec: object) -> Object:
    return {**STATEMENTS[kind], "spec": {**STATEMENTS[kind]["spec"], **spec}}


MERGED: Object = {"username": "alice", "commit": "c0ffee", "url": "https://git.example.com/1"}
"""What a GitOps agent says of whose merge it applies."""
