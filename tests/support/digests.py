"""Digests as an auditor computes them: from the specification, with none of our code."""

import hashlib
from typing import Any

import rfc8785


def sha256(value: Any) -> str:
    """sha256 over RFC 8785 canonical JSON."""
    return "sha256:" + hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def short(*parts: Any) -> str:
    """The 16 hex digits that names are made of."""
    return hashlib.sha256(rfc8785.dumps(list(parts))).hexdigest()[:16]
