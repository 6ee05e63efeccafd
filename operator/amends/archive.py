"""Archives: where a record is written, as one line of JSON, before it is deleted."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import BinaryIO

from amends.core.records.redaction import redact
from amends.ports import Archive, NotArchived, Raw

STDOUT = "-"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def line(record: Raw) -> bytes:
    """The record without its secrets, in ASCII: nothing in it can end the line.

    What the server and kubectl keep for their own bookkeeping is left out: managedFields, and
    kubectl's copy of the spec.
    """
    meta = {name: value for name, value in record["metadata"].items() if name != "managedFields"}
    if LAST_APPLIED in meta.get("annotations", {}):
        kept = {name: text for name, text in meta["annotations"].items() if name != LAST_APPLIED}
        meta = {**meta, "annotations": kept}
    text = json.dumps(redact({**record, "metadata": meta}), separators=(",", ":"), sort_keys=True)
    return text.encode("ascii") + b"\n"


class FileArchive:
    """Appends to a file. It is opened for each record, so that it may be moved away at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def keep(self, record: Raw) -> None:
        """Return when the record is on the disk."""
        try:
            await asyncio.to_thread(self._append, line(record))
        except OSError as why:
            raise NotArchived(f"{self._path}: {why.strerror or why}") from why

    def _append(self, text: bytes) -> None:
        is_new = not self._path.exists()
        with open(self._path, "a+b", opener=_for_us_alone) as file:
            if _is_torn(file):
                text = b"\n" + text
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self._path.parent)


class StdoutArchive:
    """Writes to standard output; keeping it is the business of whoever reads that."""

    async def keep(self, record: Raw) -> None:
        """Return when the record has left this process."""
        try:
            await asyncio.to_thread(self._write, line(record))
        except OSError as why:
            raise NotArchived(f"standard output: {why.strerror or why}") from why

    def _write(self, text: bytes) -> None:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def archive_at(place: str) -> Archive:
    """`-` is standard output, anything else a file.

    Raises:
        NotArchived: the file cannot be written to.
    """
    if place == STDOUT:
        return StdoutArchive()
    try:
        with open(place, "ab", opener=_for_us_alone):
            return FileArchive(Path(place))
    except OSError as why:
        raise NotArchived(f"--export-to {place}: {why.strerror or why}") from why


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _is_torn(file: BinaryIO) -> bool:
    """Whether a line was begun and not ended, by a crash or a full disk."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _sync_folder(folder: Path) -> None:
    """A new file is durable once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
