"""The phase in which each reading was taken."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from monitor.detect.rules import RulesView
from monitor.model.batch import Block
from monitor.model.leg import DEFAULT_PHASE


class Phases:
    """Phases of one batch: each container's spans are asked for once, each block is placed once.

    Phases are numbered as they are met, so that a rule's choice of phases is a table lookup for each reading.
    """

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules
        self._spans: dict[str, tuple[NDArray[np.int64], NDArray[np.intp]]] = {}
        self._names: list[str] = []
        self._codes: dict[int, NDArray[np.intp]] = {}

    def at(self, container: str, time_ns: int) -> str:
        """The container's phase at a time."""
        starts_ns, codes = self._of(container)
        return self._names[int(codes[bisect_right(starts_ns, time_ns)])]

    def codes(self, block: Block) -> NDArray[np.intp]:
        """The number of the phase at each of the block's times, [n]."""
        codes = self._codes.get(id(block))  # blocks live longer than the batch's phases
        if codes is None:
            starts_ns, span_codes = self._of(block.container)
            codes = span_codes[np.searchsorted(starts_ns, block.times_ns, side="right")]
            self._codes[id(block)] = codes
        return codes

    def met(self, block: Block) -> frozenset[str]:
        """The phases that the block's times lie in."""
        return frozenset(self._names[code] for code in set(self.codes(block).tolist()))

    def allowed(self, phases: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which of the phases met so far are among `phases`, by number."""
        return np.array([name in phases for name in self._names], dtype=np.bool_)

    def _of(self, container: str) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Starts [k] and the phases between them by number [k + 1]."""
        if container not in self._spans:
            spans = self._rules.phase_spans(container)
            codes = [self._number(name) for name in (DEFAULT_PHASE, *(phase for _, phase in spans))]
            starts_ns = np.array([start for start, _ in spans], dtype=np.int64)
            self._spans[container] = (starts_ns, np.array(codes, dtype=np.intp))
        return self._spans[container]

    def _number(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)
