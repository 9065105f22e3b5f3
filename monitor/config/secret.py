"""Secrets: a file of its own that others cannot read, or an environment variable."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from monitor.model.errors import ConfigError


def read_secret(path: Path, *, has_lines: bool = False) -> str:
    """The secret in `path` without the line's end; ConfigError when it cannot be read, or is none (`secret_fault`)."""
    fault = secret_fault(path, has_lines=has_lines)
    if fault:
        raise ConfigError("read secret", str(path), fault)
    try:
        return _content(path)
    except OSError as error:
        raise ConfigError("read secret", str(path), str(error), "the daemon's user must be able to read it") from error


def secret_fault(path: Path, *, has_lines: bool = False) -> str:
    """What forbids using the secret file, "" for nothing: open to others, empty, no text, or several lines.

    What is closed to this user is no fault here: an operator may look at a configuration whose secrets are the
    daemon's.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return "expected a file that holds the secret, got none"
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"expected a file that only its owner can read: run chmod 600 {path}"
        return _text_fault(_content(path), has_lines=has_lines)
    except PermissionError:
        return ""
    except UnicodeDecodeError:
        return "expected text in UTF-8"
    except OSError as error:
        return f"expected a file that holds the secret: {error.strerror}"


def _text_fault(text: str, *, has_lines: bool) -> str:
    """What is wrong with a secret, "" for nothing; never a part of it."""
    if not text:
        return "the file is empty"
    lines = text.splitlines() if has_lines else [text]
    if not all(line.isprintable() for line in lines):  # a line break would end the HTTP header that it goes into
        return "expected one line of text: a line break or another character in it cannot be printed"
    return ""


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip("\r\n")


def secret(variable: str, path: Path | None, *, has_lines: bool = False) -> str | None:
    """The environment variable when it is set and not empty, else the file's content, None when neither is given."""
    value = os.environ.get(variable)
    if value:
        fault = _text_fault(value, has_lines=has_lines)
        if fault:
            raise ConfigError("read secret", variable, fault)
        return value
    return None if path is None else read_secret(path, has_lines=has_lines)
