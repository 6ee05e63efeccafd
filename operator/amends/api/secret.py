"""Where a value comes from when it must not stand in the object."""

from typing import Annotated

from pydantic import Field

from amends.api.wire import Name, Wire, matching


class SecretKeyRef(Wire):
    """One key of a Secret in the same namespace, read as the tenant's service account."""

    name: Name = Field(description="Name of the Secret.")
    key: Annotated[
        str,
        Field(min_length=1, max_length=253),
        matching(
            r"^[-._a-zA-Z0-9]+$",
            otherwise="must be a key of a Secret's data: use letters, digits, -, _ and .",
        ),
    ] = Field(description="Key in its data.")


class ValueFrom(Wire):
    """Where a value comes from when it must not stand in the object."""

    secret_key_ref: SecretKeyRef = Field(description="A key of a Secret.")
