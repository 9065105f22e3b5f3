"""What a receiver says, as messages pass it on: in one short line, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

CAUSE_MAX = 300  # characters that are passed on
SECRET_MIN = 4  # characters of a part of a URL that is hidden wherever it appears
_SEPARATORS = re.compile(r"[/:@?&=,;]+")


def said(answer: bytes | str, secrets: Iterable[str] = ()) -> str:
    """The answer cut short in one line: each of `secrets` is ***, each character that does not print a blank."""
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:CAUSE_MAX]


def secret_parts(url: str) -> set[str]:
    """The parts of a URL, or of what follows its host, as a receiver may repeat them: as they stand, and unquoted."""
    parts = {part for part in _SEPARATORS.split(url) if len(part) >= SECRET_MIN}
    return parts | {form for part in parts for form in (unquote(part), quote(part)) if len(form) >= SECRET_MIN}
