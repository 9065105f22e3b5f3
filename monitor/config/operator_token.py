"""The operators' token: who can read its file may act through the daemon's HTTP interface."""

from __future__ import annotations

import grp
import os
import secrets
from pathlib import Path

from monitor.model.errors import ConfigError

TOKEN_BYTES = 32  # of randomness: 43 characters
MIN_TOKEN, MAX_TOKEN = 32, 1_000  # characters of one that somebody made by hand
MODE = 0o640
OTHERS = 0o007


def make_token(path: Path, group: str | None) -> str:
    """The token in `path`, made there when the file is missing: readable by the owner and `group`, nobody else.

    Without `group` it has the group of the process. One that is there stays: programs may hold it. ConfigError when it
    cannot be made, or is open to others.
    """
    try:
        if not path.exists():
            _write(path, secrets.token_urlsafe(TOKEN_BYTES), group)
        elif group is not None and path.stat().st_gid != _group_id(group):
            os.chown(path, -1, _group_id(group))
        if path.stat().st_mode & OTHERS:
            raise ConfigError("read token", str(path), "others can read it", f"chmod 640 {path}, or delete it")
    except OSError as error:
        hint = "the daemon's user must be able to write it, and be a member of web.operators_group"
        raise ConfigError("make token", str(path), error.strerror or str(error), hint) from None
    return read_token(path)


def read_token(path: Path) -> str:
    """The token that the daemon made; ConfigError when this user cannot read it, or it is none."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = "the daemon makes it; its owner and the operators' group can read it"
        raise ConfigError("read token", str(path), getattr(error, "strerror", None) or "no ASCII", hint) from None
    if not (MIN_TOKEN <= len(token) <= MAX_TOKEN and token.isprintable() and " " not in token):
        expected = f"expected {MIN_TOKEN} to {MAX_TOKEN} characters without spaces"
        raise ConfigError("read token", str(path), expected, "delete it: the daemon makes another at its next start")
    return token


def _write(path: Path, token: str, group: str | None) -> None:
    """The whole file or none, whatever the umask is."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if group is not None:
            os.fchown(file, -1, _group_id(group))
        os.fchmod(file, MODE)
        os.write(file, f"{token}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    new.replace(path)


def _group_id(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError("make token", "web.operators_group", f"there is no group {group!r}") from None
