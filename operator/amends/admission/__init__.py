"""The admission policies: what the API server asks of a request before the operator sees it.

Each file can be applied as it stands, for an operator in its default place; `policies` fills in
another account and the GitOps agents.
"""

import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import yaml

OPERATOR = "system:serviceaccount:amends-system:amends"
"""The operator's account as the files name it."""

NO_AGENTS = "['']"
"""The list of GitOps agents as people-decide.yaml has it: CEL needs a member to know the type."""

_ACCOUNT = re.compile(
    r"system:serviceaccount:[a-z0-9]([a-z0-9-]*[a-z0-9])?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
)


def policy_files() -> dict[str, str]:
    """Text of every file, by its name."""
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml")
    }


def policies(operator: str = OPERATOR, gitops_agents: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every policy and binding, with the operator's account and the GitOps agents filled in."""
    return [
        document
        for text in policy_files().values()
        for document in yaml.safe_load_all(filled_in(text, operator, gitops_agents))
    ]


def filled_in(text: str, operator: str = OPERATOR, gitops_agents: Sequence[str] = ()) -> str:
    """One file with the operator's account and the GitOps agents in the places kept for them."""
    for account in (operator, *gitops_agents):
        if _ACCOUNT.fullmatch(account) is None:
            raise ValueError(
                f"{account!r} is no service account: write system:serviceaccount:<namespace>:<name>"
            )
    agents = ", ".join(f"'{agent}'" for agent in gitops_agents)
    return text.replace(OPERATOR, operator).replace(
        NO_AGENTS, f"[{agents}]" if agents else NO_AGENTS
    )
