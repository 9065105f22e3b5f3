"""A random stream of blocks, cut anywhere."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

from monitor.model.batch import Block, Finding
from tests.blocks import AT_ONCE, CHANNELS, HIGH, S, block

RULES: tuple[dict[str, object], ...] = (
    HIGH | {"id": "dwell", "for": "20 s"},
    AT_ONCE,
    HIGH | {"id": "road", "for": "10 s", "phases": ["road", "storage"]},
    {"id": "low", "channel": "temperature.air", "below": "24.5 degC", "clear": "25 degC", "for": "10 s"},
    {"id": "wet", "channel": "humidity.air", "above": "25 %", "phases": ["road"]},
)
SPANS = ((100 * S, "road"), (250 * S, "air"), (400 * S, "storage"))
VALUES = [23.0, 24.0, 24.5, 24.8, 25.0, 25.1, 25.5, 26.0, 26.0, 26.5, 27.0, math.nan, math.inf, -math.inf]
SPACINGS_S = [10, 10, 10, 10, 20, 25, 26, 60, 0, -15]
Told = dict[tuple[str, str, str, str, int, int], float]


def journal(seed: int) -> list[Block]:
    """Blocks of three loggers in two containers, live and filled, of no to six readings, in journal order."""
    rng = random.Random(seed)
    clocks: Counter[tuple[str, bool]] = Counter()
    blocks = []
    for pos in range(rng.randint(1, 20)):
        logger, is_late = rng.choice("aabd"), rng.random() < 0.3
        channels = rng.choice([CHANNELS, CHANNELS, CHANNELS[::-1], CHANNELS[:1]])
        values, times_s = [], []
        for _ in range(rng.randint(0, 6)):
            clocks[logger, is_late] += rng.choice(SPACINGS_S)
            times_s.append(clocks[logger, is_late])
            values.append([rng.choice(VALUES) for _ in channels])
        made = block(
            values, times_s, pos=pos, logger=logger, is_late=is_late, channels=channels,
            interval_s=rng.choice([10, 10, 10, None]), container="e" if logger == "d" else "c",
        )  # fmt: skip
        blocks.append(replace(made, boot=8 if is_late else 7))
    return blocks


def by_reading(blocks: list[Block]) -> list[Block]:
    """The same stream with one block for each reading."""
    return [
        replace(each, times_ns=each.times_ns[row : row + 1], values=each.values[row : row + 1])
        for each in blocks
        for row in range(len(each.times_ns))
    ]


def comparable(findings: list[Finding]) -> tuple[list[Finding], Told]:
    """What cuts must not change: fired and cleared findings, and the last peak told of each exceedance.

    How often a growing peak is told depends on the batches; `peak` findings count by the last value only.
    """
    last_peak: Told = {}
    for f in findings:
        last_peak[f.rule, f.container, f.logger, f.channel, f.start_ns, f.boot] = f.peak
    return [f for f in findings if f.change != "peak"], last_peak
