"""A small file system of its own, which a test fills up."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.processes import mortal, wait_until

SIZE_BYTES = 64 << 20
CHUNK = bytes(1 << 20)
MOUNT_S = 10.0


def why_no_disk() -> str:
    """Why this machine admits no SmallDisk, "" when it does."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "mount"))):
        return "mounting a tmpfs needs root and util-linux"
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tcm", "/mnt"]  # in a namespace that ends with it
    tried = subprocess.run(command, check=False, capture_output=True)
    return "" if tried.returncode == 0 else f"this machine admits no mount: {tried.stderr.decode().strip()}"


class SmallDisk:
    """A tmpfs at `folder`, in a mount namespace that ends with this process: nothing is ever left mounted.

    `prefix` makes a program see it at `folder`; this process sees it through /proc, which SQLite does not follow.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        mount = f"mount -t tmpfs -o size={SIZE_BYTES} tcm '{self._folder}' && exec sleep infinity"
        self._holder = subprocess.Popen(mortal(["unshare", "--mount", "sh", "-c", mount]))
        self._path = Path(f"/proc/{self._holder.pid}/root{self._folder}")
        self.prefix = ("nsenter", "--mount", f"--target={self._holder.pid}", f"--wdns={Path.cwd()}", "--")
        wait_until(self._is_mounted, MOUNT_S, f"a tmpfs at {self._folder}")
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.wait()

    def fill(self) -> None:
        """Take all the room there is."""
        fill_up(self._path / "ballast")

    def free(self) -> None:
        """Give the room back."""
        (self._path / "ballast").unlink()

    def copy(self, to: Path) -> Path:
        """What is on it, in another folder."""
        shutil.copytree(self._path, to)
        return to

    def _is_mounted(self) -> bool:
        mounts = Path(f"/proc/{self._holder.pid}/mounts").read_text()
        return f" {self._folder} " in mounts


def fill_up(ballast: Path) -> None:
    """Write a file that takes all the room there is."""
    with ballast.open("wb", buffering=0) as file:
        for size in (len(CHUNK), 4096, 1):
            try:
                while file.write(CHUNK[:size]):
                    pass
            except OSError:  # no room for this size
                continue
