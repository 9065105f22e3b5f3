"""Lanes, a stream under one rule each, as they are remembered across restarts and configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect import threshold
from monitor.detect.columns import Columns
from monitor.model.batch import Finding


@dataclass(frozen=True, slots=True)
class Last(Columns):
    """The last reading of an active lane and the record that holds it, to tell of when its rule is withdrawn."""

    dtypes: ClassVar[dict[str, str]] = {"value": "<f4", "pos": "<i8", "boot": "<i8", "seq": "<i8"}
    value: NDArray[np.float32]
    pos: NDArray[np.int64]
    boot: NDArray[np.int64]
    seq: NDArray[np.int64]


class LaneKey(NamedTuple):
    """A lane across configurations and restarts: a stream and the content of the rule that judges it."""

    container: str
    logger: str
    is_late: bool
    channel: str
    rule: str
    digest: str
    sign: int


def withdrawn(key: LaneKey, state: threshold.State, last: Last, row: int) -> Finding:
    """A firing exceedance of a rule that is no longer in force, cleared at the last reading it saw."""
    return Finding(
        threshold.CHANGES[threshold.CLEARED], key.rule, key.container, key.logger, key.channel, None,
        int(state.first_ns[row]), int(state.last_ns[row]), float(last.value[row]), float(state.peak[row]) * key.sign,
        int(last.pos[row]), int(last.boot[row]), int(last.seq[row]),
    )  # fmt: skip


def lane_key(fields: list[Any]) -> LaneKey:
    """A lane's key as it was written to a snapshot; TypeError or ValueError when it is none."""
    container, logger, is_late, channel, rule, digest, sign = fields
    if not all(isinstance(text, str) for text in (container, logger, channel, rule, digest)) or sign not in (1, -1):
        raise ValueError(f"expected names and a sign, got {fields!r}")
    return LaneKey(container, logger, bool(is_late), channel, rule, digest, sign)
