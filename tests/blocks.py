"""Blocks of readings for the engine, and what it tells of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Block, Finding
from tests.views import View

S = 1_000_000_000
CHANNELS = ("temperature.air", "humidity.air")
HIGH: dict[str, object] = {
    "id": "high", "channel": "temperature.*", "above": "25.1 degC", "clear": "24 degC", "for": "60 s",
}  # fmt: skip
AT_ONCE = HIGH | {"for": "0 s"}


def block(
    values: Sequence[float] | Sequence[Sequence[float]],
    times_s: Sequence[float] | None = None,
    *,
    pos: int = 1,
    logger: str = "l",
    is_late: bool = False,
    channels: tuple[str, ...] = CHANNELS[:1],
    interval_s: float | None = 60,
    container: str = "c",
) -> Block:
    """A block of readings, a minute apart unless said otherwise."""
    array = np.array(values, dtype=np.float32).reshape(len(values), len(channels))
    times = [60.0 * row for row in range(len(values))] if times_s is None else times_s
    times_ns = np.array([round(time * S) for time in times], dtype=np.int64)
    interval_ns = None if interval_s is None else round(interval_s * S)
    return Block(pos, container, logger, 7, pos * 10, is_late, channels, times_ns, array, interval_ns)


def run(view: View, *blocks: Block) -> list[Finding]:
    """Findings of blocks judged one batch after the other."""
    engine = Engine(view)
    return [finding for each in blocks for finding in engine.step(Batch([each])).findings]


def told(findings: list[Finding]) -> list[tuple[str, float, float]]:
    """(change, start s, time s) of findings, growing peaks left out."""
    return [(f.change, f.start_ns / S, f.time_ns / S) for f in findings if f.change != "peak"]
