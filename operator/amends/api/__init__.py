"""The wire types of group `amends.dev`: one file per kind, and the only source of the CRDs."""

from amends.api.action import Action
from amends.api.approval import Approval
from amends.api.attestation import Attestation
from amends.api.compensation import Compensation
from amends.api.dead_letter import DeadLetter
from amends.api.disposition import Disposition
from amends.api.receipt import Receipt
from amends.api.resource import GROUP, VERSION, Resource

KINDS: tuple[type[Resource], ...] = (
    Action,
    Receipt,
    DeadLetter,
    Disposition,
    Compensation,
    Approval,
    Attestation,
)
"""Every kind, in the order in which a story meets them."""

__all__ = [
    "GROUP",
    "KINDS",
    "VERSION",
    "Action",
    "Approval",
    "Attestation",
    "Compensation",
    "DeadLetter",
    "Disposition",
    "Receipt",
    "Resource",
]
