"""Writes a container image as an OCI archive, which `ctr images import` reads: one layer of files.

For what is too small to build with a Dockerfile: the image a pod's sandbox runs, and single static
programs.
"""

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_OCI = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_busybox(archive: Path, names: Sequence[str], *, busybox: Path) -> None:
    """An image of busybox, under one or more names; without a command it sleeps for ever."""
    tools = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    write_image(
        archive,
        names,
        files={"bin/busybox": busybox},
        links={f"bin/{tool}": "busybox" for tool in tools.stdout.split() if tool != "busybox"},
        command=["sleep", "infinity"],
    )


def write_image(
    archive: Path,
    names: Sequence[str],
    *,
    files: Mapping[str, Path],
    links: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
) -> None:
    """An image of these files, all executable, under one or more names."""
    layer = _layer(files, links or {})
    runs_on = {"os": "linux", "architecture": _ARCHITECTURES[platform.machine()]}
    config = _json(
        {
            **runs_on,
            "config": {"Env": ["PATH=/bin"], "Cmd": list(command)},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _described("config.v1+json", config),
            "layers": [_described("layer.v1.tar", layer)],
        }
    )
    described = _described("manifest.v1+json", manifest) | {"platform": runs_on}
    named = [described | {"annotations": {"io.containerd.image.name": name}} for name in names]
    written = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": named}),
    }
    for blob in (config, manifest, layer):
        written[f"blobs/{_digest(blob).replace(':', '/')}"] = blob
    archive.write_bytes(_tar((tarfile.TarInfo(name), data) for name, data in written.items()))


def _layer(files: Mapping[str, Path], links: Mapping[str, str]) -> bytes:
    entries = []
    for name, file in files.items():
        entry = tarfile.TarInfo(name)
        entry.mode = 0o755
        entries.append((entry, file.read_bytes()))
    for name, to in links.items():
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, to
        entries.append((entry, b""))
    return _tar(entries)


def _tar(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return written.getvalue()


def _described(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(data), "size": len(data)}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
