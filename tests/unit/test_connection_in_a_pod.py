"""In a pod the operator connects with the token that is mounted there."""

from pathlib import Path

import pytest
from kubernetes.aio.config import incluster_config

from amends.kube.connection import Connection, Credentials
from identities import make_keys


async def test_what_watches_for_the_operator_gets_the_pods_own_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make_keys(tmp_path, ["10.0.0.1"]).authority
    (tmp_path / "token").write_text("eyJ-of-the-pod")
    (tmp_path / "namespace").write_text("amends-system")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    connection = await Connection.open(None)
    try:
        assert await connection.credentials() == Credentials(
            server="https://10.0.0.1:443",
            ca_file=str(authority),
            token="eyJ-of-the-pod",
            certificate_file=None,
            key_file=None,
        )
        assert connection.namespace == "amends-system"
    finally:
        await connection.close()
