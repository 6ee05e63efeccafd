"""Who may talk to a control plane, and how each side proves who it is: users, keys, kubeconfigs."""

import base64
import ipaddress
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_FOR = timedelta(days=30)
_CLOCKS_DIFFER_BY = timedelta(hours=1)
# Without it, clients that check strictly (Python's own from 3.13 on) refuse the authority.
_ONLY_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class User:
    """A person or component as the API server sees it."""

    name: str
    groups: tuple[str, ...] = ()


CONTROLLER_MANAGER = User("system:kube-controller-manager")
SCHEDULER = User("system:kube-scheduler")
USERS = (
    User("admin", ("system:masters",)),
    User("alice", ("tenant-a",)),
    User("bob", ("tenant-a",)),
    User("carol", ("tenant-b",)),
    User("dora", ("tenant-a",)),
    CONTROLLER_MANAGER,
)


@dataclass(frozen=True)
class Keys:
    """Where the files are by which the control plane proves its identity and signs tokens."""

    authority: Path
    serving_certificate: Path
    serving_key: Path
    token_key: Path


def make_keys(folder: Path, addresses: Sequence[str]) -> Keys:
    """Writes a new authority, a serving certificate for these addresses, and a token key."""
    keys = Keys(
        authority=folder / "authority.crt",
        serving_certificate=folder / "serving.crt",
        serving_key=folder / "serving.key",
        token_key=folder / "tokens.key",
    )
    authority_key, serving_key, token_key = (ec.generate_private_key(ec.SECP256R1()) for _ in "123")
    authority = (
        _certificate("amends test authority", authority_key.public_key())
        .issuer_name(_name("amends test authority"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_ONLY_SIGNS_CERTIFICATES, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    alternatives = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    serving = (
        _certificate("kube-apiserver", serving_key.public_key())
        .issuer_name(authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), *alternatives]), critical=False
        )
        # The API server is a client, too: to the kubelet of a node.
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    keys.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    keys.serving_certificate.write_bytes(serving.public_bytes(serialization.Encoding.PEM))
    write_secret(keys.serving_key, _pem(serving_key))
    write_secret(keys.token_key, _pem(token_key))
    return keys


def _certificate(subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    # The API server does not accept an elliptic curve key for tokens in the newer format, PKCS8.
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def make_tokens(file: Path, users: Sequence[User]) -> dict[str, str]:
    """Writes the API server's token file with a new random token per user, and returns them."""
    tokens = {user.name: secrets.token_hex(16) for user in users}
    rows = [f'{tokens[u.name]},{u.name},{u.name},"{",".join(u.groups)}"\n' for u in users]
    write_secret(file, "".join(rows))
    return tokens


def write_kubeconfig(file: Path, *, server: str, authority: Path, user: str, token: str) -> Path:
    """Writes the kubeconfig of one user; it trusts our authority and nobody else."""
    certificate = base64.b64encode(authority.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "amends",
        "clusters": [
            {
                "name": "amends",
                "cluster": {"server": server, "certificate-authority-data": certificate},
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "amends", "context": {"cluster": "amends", "user": user}}],
    }
    write_secret(file, json.dumps(content, indent=2))
    return file


def write_secret(file: Path, text: str) -> None:
    """Writes a file that only its owner may read, from its first byte on."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
