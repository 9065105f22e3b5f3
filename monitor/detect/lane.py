"""What is remembered of a stream, as it is written down across restarts and configurations."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.streams import StreamKey

Kind = TypeVar("Kind", bound=Columns)
LIMITS_CHANGED = "ended because the limits were changed"  # note of an end that no reading tells of


class LaneKey(NamedTuple):
    """A stream, and the `digest` of the content of the rule that judges it, or of a feature computed of it.

    A feature has neither `rule` nor `sign`.
    """

    container: str
    logger: str
    is_late: bool
    channel: str
    digest: str
    rule: str = ""
    sign: int = 1

    @property
    def stream(self) -> StreamKey:
        """The stream."""
        return StreamKey(self.container, self.logger, self.is_late, self.channel)


def ordered(keys: list[LaneKey], slots: NDArray[np.int64]) -> tuple[list[LaneKey], NDArray[np.int64]]:
    """Keys and their slots in one order, however the streams were met: equal states have equal snapshots."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [keys[i] for i in order], slots[np.array(order, dtype=np.int64)]


def written(keys: list[LaneKey], **columns: Columns) -> dict[str, Any]:
    """Keys and columns with a row for each, as CBOR can carry them."""
    return {"keys": [list(key) for key in keys]} | {name: each.to_bytes() for name, each in columns.items()}


def read_keys(content: dict[str, Any]) -> list[LaneKey]:
    """The keys that were written; TypeError or ValueError when they are none."""
    return [lane_key(fields) for fields in content["keys"]]


def read_columns(content: dict[str, Any], name: str, kind: type[Kind]) -> Kind:
    """The columns that were written under a name; KeyError, TypeError or ValueError when they are others."""
    return kind.from_bytes(content[name], len(content["keys"]))


def lane_key(fields: list[Any]) -> LaneKey:
    """A key as it was written; TypeError or ValueError when it is none."""
    container, logger, is_late, channel, digest, rule, sign = fields
    if not all(isinstance(text, str) for text in (container, logger, channel, digest, rule)) or sign not in (1, -1):
        raise ValueError(f"expected names and a sign, got {fields!r}")
    return LaneKey(container, logger, bool(is_late), channel, digest, rule, sign)
