"""Secrets: a file of its own that others cannot read, or an environment variable."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from monitor.model.errors import ConfigError


def read_secret(path: Path) -> str:
    """The secret in `path` without the line's end; ConfigError when it cannot be read, is empty or open to others."""
    fault = secret_fault(path)
    if fault:
        raise ConfigError("read secret", str(path), fault)
    try:
        secret = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("read secret", str(path), str(error), "the daemon's user must be able to read it") from error
    if not secret:
        raise ConfigError("read secret", str(path), "the file is empty")
    return secret


def secret_fault(path: Path) -> str:
    """What forbids using the secret file, "" for nothing.

    A folder closed to this user is no fault here: an operator may look at a configuration whose secrets are the
    daemon's.
    """
    try:
        mode = path.stat().st_mode
    except PermissionError:
        return ""
    except OSError as error:
        return f"expected a file that holds the secret: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "expected a file that holds the secret, got none"
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"expected a file that only its owner can read: run chmod 600 {path}"
    return ""


def secret(variable: str, path: Path | None) -> str | None:
    """The environment variable when it is set and not empty, else the file's content, None when neither is given."""
    value = os.environ.get(variable)
    if value:
        return value
    return None if path is None else read_secret(path)
