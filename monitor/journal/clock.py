"""The clock of a boot: where the logger's `mono` lies in calendar time, for records whose own clock was not set."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.model.clock import NS_PER_S

WAIT_NS = 590 * NS_PER_S  # of ticks' steady time: a record waits for a message that comes live for 10 min at most
MAX_WAITING_BYTES = 8 << 20  # of payload, a boot: the flash of one logger; 90 000 of the shortest records


@dataclass(slots=True)
class BootClock:
    """Calendar time minus `mono` of a boot (`anchor_ns`), set once.

    1. The first prompt message sets it: its receipt less its `mono`, which `anchor_mono_ns` keeps.
    2. Until then records without a set clock wait, since `waiting_since_ns` (steady time of the tick before),
       `waiting_bytes` in all.
    3. Where none comes in time, the smallest receipt less `mono` of all messages so far (`least_ns`) has to do: each
       of them came later than it was made, that one by the least. `anchor_mono_ns` stays None.
    """

    anchor_ns: int | None = None
    anchor_mono_ns: int | None = None
    least_ns: int | None = None
    waiting_since_ns: int | None = None
    waiting_bytes: int = 0

    def hear(self, received_ns: int, mono_ns: int, *, is_prompt: bool) -> None:
        """A message of the boot came while it has no anchor."""
        start_ns = received_ns - mono_ns
        self.least_ns = start_ns if self.least_ns is None else min(self.least_ns, start_ns)
        if is_prompt:
            self._set(start_ns, mono_ns)

    def wait(self, since_ns: int, size_bytes: int) -> None:
        """A record waits, the first of them from `since_ns` on; past MAX_WAITING_BYTES the wait of all is over."""
        if self.waiting_since_ns is None:
            self.waiting_since_ns = since_ns
        self.waiting_bytes += size_bytes
        if self.waiting_bytes > MAX_WAITING_BYTES:
            self.end_wait()

    def end_wait(self) -> None:
        """Nothing prompt came: the best so far is the anchor."""
        assert self.least_ns is not None  # what waits was heard
        self._set(self.least_ns, None)

    def _set(self, anchor_ns: int, mono_ns: int | None) -> None:
        self.anchor_ns, self.anchor_mono_ns = anchor_ns, mono_ns
        self.least_ns = self.waiting_since_ns = None
        self.waiting_bytes = 0
