"""Whether a container is armed: what operators entered over its file, and the time that loggers take to settle."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

ARMING_TYPES = ("arm", "disarm", "mount")  # of operator records
_BEGINNING = -(1 << 63)
ArmedSpans = tuple[tuple[int, bool], ...]  # (start ns UTC, whether it is armed), ascending: until the next start


class Arming(NamedTuple):
    """A record of one of these types, in order of its time (ns UTC), and of two from one time of its position.

    `logger` is "" for all loggers; a window ends at `until_ns`, 0 for none.
    """

    effective_ns: int
    pos: int
    type: str
    logger: str = ""
    until_ns: int = 0


def armed_spans(armings: Sequence[Arming], *, is_armed: bool) -> ArmedSpans:
    """When a container is armed that by its file `is_armed`: from the beginning of time.

    A window disarms until it ends, then what held before holds again; arming ends whatever disarms.
    """
    steps = [one for one in armings if one.type == "disarm" or (one.type == "arm" and not one.logger)]
    spans = [(_BEGINNING, is_armed)]
    until_ns = 0  # of the windows under way
    for step, following in zip_longest(steps, steps[1:]):
        if step.type == "arm":
            is_armed, until_ns = True, 0
        elif step.until_ns:
            until_ns = max(until_ns, step.until_ns)
        else:
            is_armed = False
        if following is not None and following.effective_ns == step.effective_ns:
            continue
        spans.append((step.effective_ns, is_armed and until_ns <= step.effective_ns))
        if is_armed and step.effective_ns < until_ns and (following is None or until_ns < following.effective_ns):
            spans.append((until_ns, True))
    return tuple(spans)


def is_armed_in(spans: ArmedSpans, time_ns: int) -> bool:
    """Whether it is armed at a time in ns UTC."""
    return spans[bisect_right(spans, time_ns, key=lambda span: span[0]) - 1][1]


def started_ns(armings: Sequence[Arming], logger: str, time_ns: int) -> int | None:
    """The last time before one in ns UTC that a logger began to start up, None where it never did.

    That is where it was mounted or armed, or the container with all of its loggers was armed.
    """
    for one in reversed(armings[: bisect_right(armings, time_ns, key=lambda one: one.effective_ns)]):
        if one.type != "disarm" and one.logger in ("", logger):
            return one.effective_ns
    return None
