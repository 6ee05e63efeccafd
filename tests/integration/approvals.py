"""What is said of approvals, and which of them count."""

from support.tenant import Tenant, condition


def refused(tenant: Tenant, name: str, reason: str, subject: str = "undo") -> str:
    """What is said on the Approval, once the same is said on its subject."""
    status = tenant.ready("Approval", name, reason)
    message = str(condition(status)["message"])
    said = tenant.wait_for_event(subject, reason)
    assert said == f"approval {name} does not count: {message}"
    return message


def counted(tenant: Tenant, name: str = "undo") -> list[tuple[str, str]]:
    """Who has decided what about a Compensation, as it has been counted."""
    ledger = tenant.read("Compensation", name)["status"]["approvals"]
    return [(one["username"], one["decision"]) for one in ledger]
