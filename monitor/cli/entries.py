"""What operators entered as lines of text: two of each record, so that ids and times stay whole at 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from monitor.model.operator_text import described, entered

INDENT = " " * 10
MAX_CONTAINER = 20  # characters of the column; a longer id moves what follows it


def to_second(time: str) -> str:
    """A time (RFC 3339, UTC) as people read it; the whole of it is in --json."""
    return f"{time[:19]}Z"


def entry_lines(rows: Sequence[dict[str, Any]], width: int) -> Iterator[str]:
    """Records: number, since when, container and what; below it who entered it and why."""
    room = min(max((len(row["container"]) for row in rows), default=0), MAX_CONTAINER)
    for row in rows:
        head = f"{row['pos']:<10}{to_second(row['effective_at'])}  {row['container']:<{room}}  {described(row)}"
        yield from two_parts(head, row, width)


def two_parts(head: str, row: dict[str, Any], width: int) -> Iterator[str]:
    """The head of a record, and below it who entered it and why."""
    for text in (head, f"{INDENT}{entered(row)}"):
        yield from textwrap.wrap(text, width, subsequent_indent=INDENT, break_on_hyphens=False)
