"""Files that operators' records name, such as a photograph or a signed paper: each under the SHA-256 of what is in it.

A file is durable before the record that names it is journalled, and never changes. What no record came to name goes
when room is wanted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.journal.failure import write_failure
from monitor.journal.reader import JournalReader
from monitor.model.errors import TcmError, Unavailable
from monitor.model.operator import OperatorRecord
from monitor.model.operator_keys import ATTACHMENTS, MAX_ATTACHMENT_BYTES, file_name
from monitor.model.regular_file import open_regular, sync

FOLDER = "attachments"  # in the state directory
BUDGET_BYTES = 2 << 30  # of all together
MAX_UPLOADS = 8  # under way at a time
UNNAMED_S = 3600.0  # a file whose record has not come by then is not waited for
FILE_MODE = 0o640  # as the other files of the state directory
_OPERATION = "attach"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PIECE_BYTES = 1 << 20


class Attachments:
    """Those of one state directory; only the process that holds its lock puts any there. Threads may."""

    def __init__(self, state_dir: Path, reserve_bytes: float = 0.0) -> None:
        """`reserve_bytes` stay free on the disk for the other files."""
        self.folder, self._state_dir = state_dir / FOLDER, state_dir
        self.reserve_bytes = reserve_bytes
        self.finishing, self.uploads = threading.Lock(), threading.BoundedSemaphore(MAX_UPLOADS)

    def begin(self, name: str) -> Upload:
        """A place for a file of this name; WireError for one that cannot be used, TcmError when too many come."""
        return Upload(self, file_name(name))

    def put(self, path: Path, name: str | None = None) -> dict[str, Any]:
        """Keep a copy of a file: what `Upload.finish` says of it. TcmError when it cannot be read or is too large."""
        upload = self.begin(name or path.name)
        try:
            with open_regular(path) as file:
                while piece := file.read(_PIECE_BYTES):
                    upload.write(piece)
            return upload.finish()
        except OSError as error:
            raise TcmError(_OPERATION, str(path), error.strerror or str(error)) from None
        finally:
            upload.abandon()

    def path(self, sha256: str) -> Path:
        """Where the file with this digest lies, if it is there."""
        return self.folder / sha256

    def require(self, record: OperatorRecord) -> None:
        """TcmError when a file that a record names is not there, or not as long."""
        for file in record.details.get(ATTACHMENTS, ()):
            try:
                is_there = self.path(file["sha256"]).stat().st_size == file["bytes"]
            except OSError:
                is_there = False
            if not is_there:
                raise TcmError(_OPERATION, file["name"], "the file is not there", "send it before its record")

    def make_room(self, path: Path, n_bytes: int) -> None:
        """Whether the file at `path` may stay beside the others; what no record names goes first. TcmError if not."""
        if self._used_bytes() <= BUDGET_BYTES:
            return
        self._sweep(path.stat().st_mtime)
        if self._used_bytes() > BUDGET_BYTES:
            cause = f"{n_bytes / 1e6:.1f} MB more than the {BUDGET_BYTES / 1e9:.1f} GB that all attachments may take"
            raise TcmError(_OPERATION, str(self.folder), cause, "enter the record without it, and keep it elsewhere")

    def _used_bytes(self) -> int:
        return sum(found.st_size for _, found in self._files())

    def _sweep(self, now_s: float) -> None:
        """Remove what came long before `now_s`, by the clock of the files, and no record names."""
        named = self._named()
        for path, found in self._files():
            if path.name not in named and now_s - found.st_mtime > UNNAMED_S:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """What is there; not what goes meanwhile, as another upload that is abandoned."""
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                yield path, path.stat()

    def _named(self) -> set[str]:
        reader = JournalReader(self._state_dir)
        try:
            return {sha256 for record in reader.operators() for sha256 in digests_in(record.payload)}
        finally:
            reader.close()


class Upload:
    """A file on its way: `write` what comes of it, then `finish`; `abandon` at the end, whatever happened."""

    def __init__(self, store: Attachments, name: str) -> None:
        if not store.uploads.acquire(blocking=False):
            raise Unavailable(_OPERATION, name, f"{MAX_UPLOADS} others are under way", "try again later")
        self._store, self._name, self._is_over = store, name, False
        self._bytes, self._digest = 0, hashlib.sha256()
        try:
            store.folder.mkdir(mode=0o750, exist_ok=True)
            self._handle, part = tempfile.mkstemp(".part", ".", store.folder)
        except OSError as error:
            store.uploads.release()
            raise write_failure(_OPERATION, store.folder, error) from None
        self._part = Path(part)

    def write(self, piece: bytes) -> None:
        """Add to it; TcmError when it is too large, or would leave too little room on the disk."""
        self._bytes += len(piece)
        if self._bytes > MAX_ATTACHMENT_BYTES:
            cause = f"expected at most {MAX_ATTACHMENT_BYTES >> 20} MiB"
            raise TcmError(_OPERATION, self._name, cause, "enter the record without it, and keep it elsewhere")
        if shutil.disk_usage(self._store.folder).free - len(piece) < self._store.reserve_bytes:
            raise TcmError(_OPERATION, self._name, "there is no room on the gateway's disk", "free some room")
        self._digest.update(piece)
        try:
            while piece:
                piece = piece[os.write(self._handle, piece) :]
        except OSError as error:
            raise write_failure(_OPERATION, self._part, error) from None

    def finish(self) -> dict[str, Any]:
        """It is whole, and durable: its `name`, `sha256` and length in `bytes`, as a record names it."""
        sha256 = self._digest.hexdigest()
        try:
            os.fchmod(self._handle, FILE_MODE)
            os.fsync(self._handle)
            with self._store.finishing:
                self._store.make_room(self._part, self._bytes)
                self._part.rename(self._store.path(sha256))  # in place of one that is the same
            sync(self._store.folder)
            sync(self._store.folder.parent)
        except OSError as error:
            raise write_failure(_OPERATION, self._part, error) from None
        return {"name": self._name, "sha256": sha256, "bytes": self._bytes}

    def abandon(self) -> None:
        """Where it did not come to its end nothing of it stays; afterwards nothing happens."""
        if self._is_over:
            return
        self._is_over = True
        os.close(self._handle)
        self._part.unlink(missing_ok=True)
        self._store.uploads.release()


def is_as_named(path: Path) -> bool:
    """Whether what is in a file still has the SHA-256 that it is named by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == path.name


def digests_in(payload: bytes | None) -> list[str]:
    """The SHA-256 of every file that an operator's record names, of any version of this program; none of no JSON."""
    try:
        content = json.loads(payload or b"")
        return [file["sha256"] for file in content[ATTACHMENTS] if _DIGEST.fullmatch(file["sha256"])]
    except (ValueError, KeyError, TypeError):
        return []
