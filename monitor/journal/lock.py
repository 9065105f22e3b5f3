"""The lock file of a state directory: it admits one daemon; what it leaves, when it ends, is at rest."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.journal.failure import write_failure
from monitor.model.errors import JournalError

_PID_BYTES = 32


def lock_holder(state_dir: Path) -> int | None:
    """The process that holds the lock of a state directory, None when none does or it cannot be told."""
    try:
        with (state_dir / "lock").open() as file:
            pid = int(file.read(_PID_BYTES))
            if not Path(f"/proc/{pid}").exists():  # a lock that is free is left alone: a daemon may be about to take it
                return None
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return pid
    except (OSError, ValueError):
        return None
    return None


def rest(path: Path) -> tuple[int, int] | None:
    """Size and time of change (ns) of a file that is at rest: all of it is in it, and no daemon holds its directory.

    None of any other. As long as it stays the same, whoever read the file read it as it is.
    """
    wal = path.with_name(f"{path.name}-wal")
    try:
        has_log = wal.exists() and wal.stat().st_size > 0
        if not path.exists() or has_log or lock_holder(path.parent) is not None:
            return None
        found = path.stat()
    except PermissionError:  # of the folder, to who opens the file
        return None
    return found.st_size, found.st_mtime_ns


class StateLock:
    """Held from construction to `close`; JournalError when another process holds it.

    The lock is the kernel's (flock): it goes with the process, however that dies, so no stale file needs a hand.
    """

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / "lock"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        except OSError as error:
            raise JournalError(
                "lock state directory", str(path), str(error), "choose a state_dir that can be written"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, _PID_BYTES).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise JournalError(
                "lock state directory",
                str(state_dir),
                f"process {holder} runs on it",
                "stop that daemon first, or give this one a state_dir of its own",
            ) from None
        try:
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{os.getpid()}\n".encode())
        except OSError as error:
            os.close(self._file)
            raise write_failure("lock state directory", path, error) from None

    def close(self) -> None:
        """Let the next daemon in."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
