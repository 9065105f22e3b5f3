"""What a replay led to as lines of text, besides its alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

from monitor.alerts.amounts import amount, amounts

RULE, NUMBER, RATIO = 30, 13, 8  # characters of a column; together they fit a terminal of 80
DIGITS = 4  # of a margin


def margin_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Of each rule the stream that came nearest to its limit, those that came nearest first."""
    nearest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=_closeness):
        nearest.setdefault(row["rule"], row)
    if not nearest:
        return
    yield f"{'rule':<{RULE}}{'margin':>{NUMBER}}{'':>{RATIO}}{'nearest':>{NUMBER}}{'limit':>{NUMBER}}"
    for row in nearest.values():
        value, limit = amounts(row["value"], row["limit"], row["unit"])
        margin = amount(row["margin"], row["unit"], DIGITS)
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.0%}"
        yield f"{row['rule']:<{RULE}}{margin:>{NUMBER}}{ratio:>{RATIO}}{value:>{NUMBER}}{limit:>{NUMBER}}"
        yield f"    {row['container']}/{row['logger']} {row['channel']} at {row['at']}"


def sides(against: dict[str, list[Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The alerts of a comparison under what they mean; those of both as the new limits raise them, each once."""
    yield "raised anew", against["only_new"]
    yield "no longer raised", against["only_old"]
    yield "raised by both", list({pair["new"]["id"]: pair["new"] for pair in against["both"]}.values())


def unjudged_line(rules: list[str]) -> str:
    """The rules that met nothing to judge."""
    return f"nothing to judge for: {', '.join(rules)}"


def _closeness(row: dict[str, Any]) -> tuple[float, float]:
    """What rows sort by: the share of the limit that was left, without a share the margin itself."""
    return inf if row["ratio"] is None else row["ratio"], row["margin"]
