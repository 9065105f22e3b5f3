"""What anybody who reaches the port can have written to the log: so many lines a minute."""

from __future__ import annotations

import logging

from monitor.model.clock import MINUTE_NS, Clock

MAX_LINES = 10  # in a minute; the next one that stands says how many were left out


class FewLines(logging.Filter):
    """Lets through the first MAX_LINES lines of a logger in each minute."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock, self._minute_ns, self._count = clock, clock.mono_ns(), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line stands."""
        now_ns = self._clock.mono_ns()
        if now_ns - self._minute_ns >= MINUTE_NS:
            if self._count > MAX_LINES:
                record.msg = f"{record.msg} (before it {self._count - MAX_LINES} more lines were left out)"
            self._minute_ns, self._count = now_ns, 0
        self._count += 1
        return self._count <= MAX_LINES
