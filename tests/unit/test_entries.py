"""Operators' records as lines of text."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.cli.entries import entry_lines
from monitor.model.operator_text import described


def record(of: str, /, **own: Any) -> dict[str, Any]:
    """One as the API gives it."""
    at = "2026-11-23T06:00:00.123456Z"
    common = {"pos": 7, "type": of, "container": "C-101", **own, "effective_at": at, "entered_at": at}
    return common | {"by": "Rossi", "remark": ""}


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (record("phase", phase="road"), "phase road"),
        (
            record("custody", custodian="owner-b", attachments=[{"name": "cmr.pdf"}]),
            "custody owner-b, cmr.pdf attached",
        ),
        (record("seal", number="4711"), "seal 4711"),
        (record("document", kind="cmr", number="9"), "document cmr 9"),
        (record("mount", logger="L-04", place="base frame"), "mount logger L-04 place base frame"),
        (record("functional-check", result="pass"), "functional-check pass"),
        (record("silence", until="2026-11-24T00:00:00Z", rule="hot*"), "silence until 2026-11-24T00:00:00Z rule hot*"),
        (record("open", attachments=[{"name": "a"}, {"name": "b"}]), "open, a, b attached"),
    ],
)
def test_a_record_is_said_in_its_own_words(shown: dict[str, Any], words: str) -> None:
    assert described(shown) == words


def test_ids_and_times_stay_whole_at_80_columns() -> None:
    """And what does not fit goes on below; nothing is cut off."""
    remark = "the door stood open while the crate was turned, and nobody saw for how long; dent [b]"
    rows = [record("ack", alert="8b063258ef5b60f0"), record("silence-end", silence=4711) | {"remark": remark}]
    lines = [*entry_lines(rows, 80)]
    assert lines[:3] == [
        "7         2026-11-23T06:00:00Z  C-101  ack 8b063258ef5b60f0",
        "          by Rossi",
        "7         2026-11-23T06:00:00Z  C-101  silence-end 4711",
    ]
    assert " ".join(line.strip() for line in lines[3:]) == f"by Rossi: {remark}"
    assert max(map(len, lines)) <= 80
