"""A conformance suite for authors of executors: pytest runs it against what they wrote.

Derive a class from `Conformance`, and give it a `Subject`: your executor and a target that
misbehaves when asked. docs/executors.md shows one in full. Needs pytest: `amends[testing]`.
"""

from amends.testing.conformance import Conformance
from amends.testing.subject import Behaviour, KnownSecrets, NoTenants, Subject

__all__ = ["Behaviour", "Conformance", "KnownSecrets", "NoTenants", "Subject"]
