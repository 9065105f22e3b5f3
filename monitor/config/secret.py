"""Secrets: a file of its own that others cannot read, or an environment variable."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from monitor.model.errors import ConfigError


def read_secret(path: Path) -> str:
    """The secret in `path` without the line's end; ConfigError when it cannot be read, or is none (`secret_fault`)."""
    fault = secret_fault(path)
    if fault:
        raise ConfigError("read secret", str(path), fault)
    try:
        return _content(path)
    except OSError as error:
        raise ConfigError("read secret", str(path), str(error), "the daemon's user must be able to read it") from error


def secret_fault(path: Path, *, is_token: bool = False) -> str:
    """What forbids using the secret file, "" for nothing: open to others, empty, no text, no token where it is one.

    What is closed to this user is no fault here: an operator may look at a configuration whose secrets are the
    daemon's.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return "expected a file that holds the secret, got none"
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"expected a file that only its owner can read: run chmod 600 {path}"
        text = _content(path)
    except PermissionError:
        return ""
    except UnicodeDecodeError:
        return "expected text in UTF-8"
    except OSError as error:
        return f"expected a file that holds the secret: {error.strerror}"
    if not text:
        return "the file is empty"
    return token_fault(text) if is_token else ""


def token_fault(text: str) -> str:
    """Why HTTP cannot carry a token, "" where it can; never a part of it."""
    if text.isascii() and text.isprintable():
        return ""
    return "expected a token of printable ASCII characters in one line, as HTTP carries no others"


def secret(variable: str, path: Path | None) -> str | None:
    """The environment variable when it is set and not empty, else the file's content, None when neither is given."""
    value = os.environ.get(variable)
    if value:
        return value
    return None if path is None else read_secret(path)


def token(variable: str, path: Path | None) -> str | None:
    """The same of a token; ConfigError when HTTP cannot carry it."""
    value = secret(variable, path)
    fault = token_fault(value) if value is not None else ""
    if fault:
        raise ConfigError("read token", variable if os.environ.get(variable) else str(path), fault)
    return value


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip("\r\n")
