"""How long the property tests look for a counterexample."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("AMENDS_EXAMPLES", "100"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize="AMENDS_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
"""The same examples in every run, unless somebody asks for a number of them: `make search`."""
