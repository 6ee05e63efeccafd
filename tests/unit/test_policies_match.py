"""Where a policy repeats what the types say, both say the same."""

import re
from pathlib import Path

import yaml

from amends.api.compensation import CompensationSpec

STAMP = Path(__file__).parents[2] / "charts/amends/files/policies/stamp.yaml"


def test_the_policy_that_stamps_the_requester_knows_every_field_of_the_plan() -> None:
    (policy,) = (
        one
        for one in yaml.safe_load_all(STAMP.read_text())
        if (one["kind"], one["metadata"]["name"])
        == ("MutatingAdmissionPolicy", "amends-stamp-requester")
    )
    (condition,) = policy["spec"]["matchConditions"]

    compared = re.findall(r"object\.spec\.\?(\w+) == oldObject\.spec\.\?(\w+)", str(condition))

    assert all(new == old for new, old in compared)
    assert sorted(new for new, _ in compared) == sorted(
        field.alias or name
        for name, field in CompensationSpec.model_fields.items()
        if name not in CompensationSpec.NOT_PLAN
    ), f"list every field of the plan, and no other, in {STAMP.name}"
