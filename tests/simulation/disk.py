"""The disk of a simulated gateway: what SQLite wrote, what of it is durable, and what a power cut leaves.

A power cut leaves of each file what its last fsync made durable, and of what was written since any part, torn at
sectors. The death of the process alone leaves everything.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation import vfs

SECTOR_BYTES = 512
Cut = Callable[[random.Random], bool]  # whether a piece that was not durable is there after the power cut


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes written at an offset, or (no data) the file cut to a length."""

    at: int
    data: bytes | None

    def apply(self, image: bytearray) -> None:
        """Do it as a whole."""
        if self.data is None:
            del image[self.at :]
            return
        if len(image) < self.at:
            image.extend(bytes(self.at - len(image)))
        image[self.at : self.at + len(self.data)] = self.data

    def tear(self, image: bytearray, rng: random.Random, share: float) -> None:
        """Do it as a whole, not at all, or (bytes written) in some of its sectors."""
        if self.data is None or rng.random() < 0.7:
            if rng.random() < share:
                self.apply(image)
            return
        at, end = self.at, self.at + len(self.data)
        while at < end:
            stop = min(at - at % SECTOR_BYTES + SECTOR_BYTES, end)
            if rng.random() < share:
                Change(at, self.data[at - self.at : stop - self.at]).apply(image)
            at = stop


@dataclass(slots=True)
class File:
    """A file: its durable image (None: its name is not durable yet) and the changes since, in order."""

    durable: bytearray | None = None
    changes: list[Change] = field(default_factory=list)
    size: int = 0

    def sync(self) -> None:
        """Make all changes durable."""
        image = self.durable = bytearray() if self.durable is None else self.durable
        for change in self.changes:
            change.apply(image)
        self.changes.clear()

    def after_power_cut(self, rng: random.Random, share: float) -> bytearray | None:
        """What is left of it when each later change survived with probability `share`; None: no file."""
        if self.durable is None and rng.random() >= share:
            return None
        image = bytearray(self.durable or b"")
        for change in self.changes:
            change.tear(image, rng, share)
        return image


class Disk:
    """Watches the SQLite files below `root`; see `vfs.Watcher`.

    `operations` counts what was asked of it. With `dies_at` set, the operation of that number and all later ones fail,
    as they would for a process that is no more; `revive` ends that. `is_full` refuses what makes a file longer,
    `fails_sync` lets the next fsync fail, of which some may be durable all the same.
    """

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root, self._rng = root, rng
        self._files: dict[str, File] = {}
        self._ghosts: dict[str, File] = {}  # deleted, but not durably
        self._under_way: tuple[File, Change] | None = None  # what was asked for when the disk died
        self.operations = self.syncs = 0
        self.dies_at: int | None = None
        self.is_dead = self.is_full = self.fails_sync = self.has_failed = False
        vfs.watch(self)

    def open(self, path: str) -> int:
        """A file that is there already when it is first opened is durable."""
        if self.is_dead:
            return vfs.CANTOPEN
        if path not in self._files:
            found = Path(path)
            image = bytearray(found.read_bytes()) if found.exists() else None
            self._files[path] = File(image, size=len(image or b""))
        return vfs.OK

    def write(self, path: str, offset: int, data: bytes) -> int:
        """The write under way when the disk dies may be there afterwards."""
        if self.is_dead:
            return vfs.IOERR
        file = self._files[path]
        if self.is_full and offset + len(data) > file.size:
            return vfs.FULL
        if self._is_last():
            self._under_way = file, Change(offset, data)
            return vfs.IOERR
        file.changes.append(Change(offset, data))
        file.size = max(file.size, offset + len(data))
        return vfs.OK

    def truncate(self, path: str, size: int) -> int:
        """As a write."""
        if self.is_dead:
            return vfs.IOERR
        file = self._files[path]
        if self._is_last():
            self._under_way = file, Change(size, None)
            return vfs.IOERR
        file.changes.append(Change(size, None))
        file.size = min(size, file.size)
        return vfs.OK

    def sync(self, path: str) -> int:
        """After a failed fsync nobody writes the pages again: what is not durable by then is gone at a power cut."""
        if self.is_dead or self._is_last():
            return vfs.IOERR_FSYNC
        self.syncs += 1
        file = self._files[path]
        if self.fails_sync:
            self.fails_sync, self.has_failed = False, True
            file.durable = file.after_power_cut(self._rng, self._rng.random())
            file.changes.clear()
            return vfs.IOERR_FSYNC
        if file.durable is None:
            self._ghosts.clear()  # with a new file SQLite makes its folder durable, and so every deletion in it
        file.sync()
        return vfs.OK

    def delete(self, path: str, *, is_durable: bool) -> int:
        """A deletion that is not durable may be undone by a power cut."""
        if self.is_dead or self._is_last():
            return vfs.IOERR_DELETE
        file = self._files.pop(path, None)
        if file is not None and file.durable is not None and not is_durable:
            self._ghosts[path] = file
        return vfs.OK

    def die(self) -> None:
        """Refuse everything from now on: the process that used the disk is no more."""
        self.is_dead = True

    def revive(self) -> None:
        """Serve the next process, which finds all that was written."""
        self._under_way = None
        self.is_dead, self.dies_at, self.is_full, self.fails_sync, self.has_failed = False, None, False, False, False

    def power_cut(self, rng: random.Random, share: float) -> None:
        """Leave of each change that was not durable some part, each with probability `share`; nobody has files open."""
        if self._under_way is not None:
            file, change = self._under_way
            file.changes.append(change)
        for path, file in (self._ghosts | self._files).items():
            image = file.after_power_cut(rng, share)
            Path(path).unlink(missing_ok=True)
            if image is not None:
                Path(path).write_bytes(image)
        for shared in self.root.rglob("*-shm"):
            shared.unlink()
        self._files.clear()
        self._ghosts.clear()

    def close(self) -> None:
        """Watch no more."""
        vfs.watch(None)

    def _is_last(self) -> bool:
        """Whether the disk dies in this operation."""
        self.operations += 1
        self.is_dead = self.dies_at is not None and self.operations >= self.dies_at
        return self.is_dead
