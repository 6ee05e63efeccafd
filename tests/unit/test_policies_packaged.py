"""The admission policies are one set of files, whoever applies them; the cure is `make crds`."""

from pathlib import Path

import pytest
import yaml

from amends.admission import NO_AGENTS, OPERATOR, filled_in, policies, policy_files
from amends.cli.policies import policies as command

CHART = Path(__file__).parents[2] / "charts/amends/files/policies"
ELSEWHERE = "system:serviceaccount:platform:release-amends"
FLUX = "system:serviceaccount:flux-system:kustomize-controller"
ARGO = "system:serviceaccount:argocd:argocd-application-controller"


def test_the_chart_packages_these_very_files() -> None:
    packaged = {file.name: file.read_text(encoding="utf-8") for file in CHART.iterdir()}

    assert packaged == policy_files(), (
        "charts/amends/files/policies is stale: change operator/amends/admission, run `make crds`"
    )


def test_as_they_stand_the_files_are_for_an_operator_in_its_default_place() -> None:
    as_they_stand = [
        document for text in policy_files().values() for document in yaml.safe_load_all(text)
    ]

    assert policies() == as_they_stand


def test_another_account_of_the_operator_takes_every_place_of_the_default_one() -> None:
    elsewhere = str(policies(ELSEWHERE))

    assert OPERATOR not in elsewhere
    assert elsewhere.count(ELSEWHERE) == str(policies()).count(OPERATOR) > 0


def test_gitops_agents_are_listed_in_the_one_place_kept_for_them() -> None:
    assert "".join(policy_files().values()).count(NO_AGENTS) == 1

    assert f"expression: \"['{FLUX}', '{ARGO}'] // " in filled_in(
        policy_files()["people-decide.yaml"], gitops_agents=(FLUX, ARGO)
    )
    assert str(policies(gitops_agents=[])) == str(policies())


@pytest.mark.parametrize(
    "account",
    [
        "alice",
        "system:serviceaccount:flux-system",
        "system:serviceaccount:a:b'] + [request.userInfo.username",
        "system:serviceaccount:a:b\n",
        "",
    ],
)
def test_what_is_no_service_account_does_not_get_into_an_expression(account: str) -> None:
    for arguments in ({"operator": account}, {"gitops_agents": (account,)}):
        with pytest.raises(ValueError, match="is no service account: write system:serviceaccount:"):
            policies(**arguments)


def test_writing_removes_the_policies_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("old")
    (tmp_path / "README.md").write_text("not ours")

    command(tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == {*policy_files(), "README.md"}


def test_without_a_folder_the_policies_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    command(None)

    assert list(yaml.safe_load_all(capsys.readouterr().out)) == policies()
