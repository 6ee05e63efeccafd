"""The ground of the misoperations, and what is written down of each edit."""

from collections import defaultdict
from dataclasses import dataclass, field

from chaos.edit_schema import Raw
from chaos.edit_subjects import FROZEN
from chaos.edits import Edit
from support.manifests import unique
from support.target import Target
from support.tenant import Installed, Tenant


@dataclass(frozen=True)
class Verdict:
    """What came of one edit. finding: what is wrong with that."""

    station: str
    kind: str
    edit: Edit
    result: str
    finding: str = ""

    def __str__(self) -> str:
        return f"{self.station}: {self.edit}: {self.finding}"


@dataclass
class Ground:
    """Where the courses are run, and who is not what people and operator alone have made of it."""

    installed: Installed
    target: Target
    tampered: set[str] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    baselines: dict[str, Raw] = field(default_factory=dict)
    edited_at: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When an object was written by who edits it, by its uid."""

    def tenant(self, *, frozen: bool = False) -> Tenant:
        """A new tenant."""
        name = unique("frozen" if frozen else "edited")
        self.namespaces.add(name)
        return self.installed.tenant(name, annotations=FROZEN if frozen else {})
