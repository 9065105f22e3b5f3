"""What a store gives back: columns, each of one field of one series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Tags = tuple[tuple[str, str], ...]
PLACE = ("container", "logger")
TAGS: dict[str, tuple[str, ...]] = {  # of each measurement, in the order in which they are written
    "env": PLACE,
    "derived": PLACE,
    "logger": PLACE,
    "shock": (*PLACE, "sensor"),
    "srs": (*PLACE, "sensor", "freq_hz"),
    "shock_wave": (*PLACE, "sensor"),
    "alert": (*PLACE, "channel", "rule", "severity"),
    "exposure": (*PLACE, "channel", "rule"),
    "operator": ("container", "type"),
}


class Column(NamedTuple):
    """The values of one field, float32, float64 or objects (text, flags), at `times_ns` int64 [n], ascending."""

    times_ns: NDArray[np.int64]
    values: NDArray[Any]


Columns = dict[tuple[Tags, str], Column]  # by tags and field
Part = tuple[NDArray[np.int64], NDArray[Any]]


def as_array(values: Any) -> NDArray[Any]:
    """A field's values as an array: text and flags as objects."""
    return values if isinstance(values, np.ndarray) else np.array(values, dtype=object)


def merged(parts: Sequence[Part]) -> Column:
    """One column of several parts: of two values at one time the later part's stands, NaN and None are left out."""
    times_ns = np.concatenate([times_ns for times_ns, _ in parts])
    values = np.concatenate([values for _, values in parts])
    is_known = values != np.array(None) if values.dtype == object else np.isfinite(values)
    times_ns, values = times_ns[is_known], values[is_known]
    order = np.argsort(times_ns, kind="stable")
    times_ns, values = times_ns[order], values[order]
    is_last = np.append(times_ns[1:] != times_ns[:-1], True)[: len(times_ns)]
    return Column(times_ns[is_last], values[is_last])
