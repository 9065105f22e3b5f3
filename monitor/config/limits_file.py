"""A limits file that takes another's place: where that is, whether all files still fit together, and how it gets there.

Either the whole of the new file stands there afterwards, or the old one as it was.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from monitor.config.config import Config
from monitor.config.load import folder_of, load_config
from monitor.config.problems import ConfigProblems, Problem, shown
from monitor.config.settings import Settings
from monitor.config.source import is_of, read_folder, read_source
from monitor.model.errors import ConfigError
from monitor.model.limit import Profile
from monitor.model.regular_file import open_regular, sync

MAX_FILE_BYTES = 4 << 20  # of limits: 10 000 rules
NEW_MODE = 0o644


class Placed(NamedTuple):
    """A profile that could take its place, in `file`, and what stands there now: None for nothing, or nothing usable.

    `config` is the configuration as it would be.
    """

    file: Path
    before: Profile | None
    after: Profile
    config: Config
    content: bytes


@contextmanager
def alone(config: Path) -> Iterator[None]:
    """While it lasts nobody else sets limits of a monitor.toml; ConfigError when somebody does already.

    The lock is the kernel's, on the folder (flock): it goes with the process, however that dies.
    """
    folder = _limits_folder(config)
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _cannot(folder, error) from None
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def place(config: Path, limits: Path) -> Placed:
    """Where a limits file belongs among those of a monitor.toml; nothing is written.

    ConfigProblems holds everything that would be wrong with the configuration then.
    """
    content = _content(limits)
    folder, problems = _limits_folder(config), list[Problem]()
    name = read_source(limits, Profile, problems).name("name")
    try:
        there = [source for source in read_folder(folder, Profile, [], {}) if source.name("name") == name]
    except OSError as error:
        raise _cannot(folder, error) from None
    file = there[0].path if there else folder / f"{name}.toml"
    if not is_of(file, folder):  # of identifiers only those that begin with a dot
        hidden = Problem(shown(limits), "name", "expected no dot at its beginning: a file of that name is never read")
        raise ConfigProblems(problems or [hidden])
    loaded = load_config(config, {file: limits.absolute()})
    if _content(limits) != content:
        raise ConfigError("set limits", str(limits), "it changed while it was read", "try again")
    return Placed(file, there[0].model if there else None, loaded.rules.profiles[name], loaded, content)


def put(file: Path, content: bytes | None) -> bytes | None:
    """Give a file this content, durably and at once as a whole, with the mode and owner it had; None: there is none.

    Returns what it held before. ConfigError when it cannot be done: then nothing is changed.
    """
    file = file.resolve()  # a link stays one
    try:
        before = _held(file)
        if content is None:
            file.unlink(missing_ok=True)
        else:
            _write(file, content)
        sync(file.parent)
    except OSError as error:
        raise _cannot(file, error) from None
    return before


def _limits_folder(config: Path) -> Path:
    return folder_of(read_source(config.absolute(), Settings, []), "limits")


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        cause = "another tcm limits set is at work there"
        raise ConfigError("set limits", str(folder), cause, "see what it changed, then try again") from None


def _held(file: Path) -> bytes | None:
    if not file.exists():
        return None
    with open_regular(file) as there:
        return there.read()


def _write(file: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # not read as a limits file
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
            written.flush()
            _take_over(file, handle)
            os.fsync(handle)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _take_over(file: Path, handle: int) -> None:
    """Mode and owner of the file that stands there."""
    if not file.exists():
        os.fchmod(handle, NEW_MODE)
        return
    old, new = file.stat(), os.fstat(handle)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, old.st_mode & 0o7777)


def _content(limits: Path) -> bytes:
    try:
        with open_regular(limits) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError("set limits", str(limits), f"expected a readable file: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError("set limits", str(limits), f"expected at most {MAX_FILE_BYTES} bytes")
    return content


def _cannot(place: Path, error: OSError) -> ConfigError:
    hint = "run this as the user that the files belong to" if isinstance(error, PermissionError) else ""
    return ConfigError("set limits", str(place), str(error.strerror or error), hint)
