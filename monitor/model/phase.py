"""Which word holds when, such as a phase: spans in order of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from monitor.model.leg import DEFAULT_PHASE
from monitor.model.operator import PLAN

Spans = tuple[tuple[int, str], ...]  # (start ns UTC, phase), ascending: each holds until the next start


class Word(NamedTuple):
    """What an operator set: from when (ns UTC), and the position of the record in the journal.

    In this order they hold, whenever they were entered; of two from one time the one entered last.
    """

    effective_ns: int
    pos: int
    word: str


def word_in(spans: Spans, time_ns: int, before: str) -> str:
    """The word of spans at a time in ns UTC; `before` the first."""
    at = bisect_right(spans, time_ns, key=_start_ns)
    return spans[at - 1][1] if at else before


def phase_in(spans: Spans, time_ns: int) -> str:
    """The phase of spans at a time in ns UTC; storage before the first."""
    return word_in(spans, time_ns, DEFAULT_PHASE)


def overlaid(plan: Spans, words: Sequence[Word], before: str) -> Spans:
    """The spans of `plan` with operators' words over them, ascending; ahead of the first of these the plan holds.

    The word `plan` hands back to it; `before` is what it says ahead of its own first span.
    """
    spans = [span for span in plan if not words or span[0] < words[0].effective_ns]
    for one, following in zip_longest(words, words[1:]):
        start_ns, end_ns = one.effective_ns, following.effective_ns if following else None
        if start_ns == end_ns:
            continue
        if one.word != PLAN:
            spans.append((start_ns, one.word))
            continue
        spans.append((start_ns, word_in(plan, start_ns, before)))
        spans += [span for span in plan if start_ns < span[0] and (end_ns is None or span[0] < end_ns)]
    return tuple(spans)


def word_set(words: Sequence[Word], time_ns: int) -> Word | None:
    """What an operator set that decides at a time in ns UTC, None where the plan does."""
    at = bisect_right(words, time_ns, key=lambda one: one.effective_ns)
    return words[at - 1] if at and words[at - 1].word != PLAN else None


def _start_ns(span: tuple[int, str]) -> int:
    return span[0]
