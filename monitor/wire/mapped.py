"""Any JSON to readings, by the paths of its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from monitor.config import SourceSettings
from monitor.model.clock import parse_rfc3339
from monitor.model.errors import WireError
from monitor.model.json_path import JsonPath, parse_path
from monitor.wire.derived import MAX_VALUES
from monitor.wire.fields import finite, shown
from monitor.wire.json_text import load_json

MAX_INTEGER = 1 << 63
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
US_PER_S = 1_000_000


class Row(NamedTuple):
    """What a row holds: the logger it names (None: none is asked for), its time, its values by the path's text."""

    logger: str | None
    time_us: int
    is_relative: bool
    values: dict[str, float]


class Mapping:
    """The paths of one source, parsed once."""

    def __init__(self, settings: SourceSettings) -> None:
        self._rows, self._time, self._logger = (
            parse_path(text) if text else None for text in (settings.rows, settings.time, settings.logger_path)
        )
        self._time_unit = settings.time_unit or ""
        self._channels = [parse_path(text) for text in settings.channels]

    def read(self, payload: bytes, received_us: int) -> Iterator[Row]:
        """The rows of a message; without a path to the time, the time of receipt is theirs.

        A path that leads nowhere is a sensor that gave nothing. WireError names the row and the path.
        """
        root = load_json(payload)
        rows = _find(self._rows, root, root) if self._rows else [root]
        if not isinstance(rows, list) or len(rows) * len(self._channels) > MAX_VALUES:
            limit = MAX_VALUES // len(self._channels)
            raise WireError(f"{self._rows.text if self._rows else ''}: expected a list of at most {limit} rows")
        for index, row in enumerate(rows):
            try:
                yield self._row(root, row, received_us)
            except WireError as error:
                raise WireError(_in_row(self._rows, index, str(error))) from None

    def _row(self, root: Any, row: Any, received_us: int) -> Row:
        logger = None
        if self._logger:
            logger = _find(self._logger, root, row)
            if not isinstance(logger, str):
                raise WireError(f"{self._logger.text}: expected the logger's name, got {shown(logger)}")
        time_us = received_us if self._time is None else self._time_us(self._time, root, row)
        found = ((path.text, _find(path, root, row)) for path in self._channels)
        values = {text: _number(text, value) for text, value in found if value is not None}
        return Row(logger, time_us, self._time is None, values)

    def _time_us(self, path: JsonPath, root: Any, row: Any) -> int:
        value = _find(path, root, row)
        if self._time_unit == "rfc3339":
            return _rfc3339_us(path.text, value)
        per_second = PER_SECOND[self._time_unit]
        if type(value) is int and abs(value) < MAX_INTEGER:  # exact: ns since 1970 are more than a double carries
            return value * US_PER_S // per_second
        time_us = _number(path.text, value) / per_second * US_PER_S
        if not abs(time_us) < MAX_INTEGER:
            raise WireError(f"{path.text}: expected a time from 1970 to 2255 in {self._time_unit}, got {shown(value)}")
        return round(time_us)


def _in_row(rows: JsonPath | None, index: int, reason: str) -> str:
    """The reason with its row before the path: `readings[3].t: ...`; a path from the root stays as it is."""
    if rows is None or reason.startswith("$"):
        return reason
    return f"{rows.text}[{index}]{'' if reason.startswith('[') else '.'}{reason}"


def _rfc3339_us(path: str, value: object) -> int:
    if not isinstance(value, str):
        raise WireError(f"{path}: expected a time such as 2026-11-23T06:00:00Z, got {shown(value)}")
    try:
        return parse_rfc3339(value) // 1_000
    except (ValueError, OverflowError):
        reason = f"{path}: expected a time with its zone such as 2026-11-23T06:00:00Z, got {shown(value)}"
        raise WireError(reason) from None


def _find(path: JsonPath, root: Any, row: Any) -> Any:
    try:
        return path.find(root, row)
    except ValueError as error:
        raise WireError(f"{path.text}: {error}") from None


def _number(path: str, value: object) -> float:
    if type(value) is int and abs(value) >= MAX_INTEGER:
        raise WireError(f"{path}: expected a number below 2^63")
    return finite(path, value)
