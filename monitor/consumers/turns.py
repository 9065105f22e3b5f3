"""Turns: what waits to be told, container by container, so that none waits behind the flood of another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice, zip_longest

MAX_AHEAD = 100_000  # numbers that are held, 4 MB: only a longer flood makes others wait until it is through in part


class Turns:
    """Numbers of transitions that wait, by container; a batch takes from each container in turn, from each in order.

    `read` is the number up to which they were put in.
    """

    def __init__(self, pos: int) -> None:
        """Everything up to number `pos` is told."""
        self.read = pos
        self._batch: list[int] = []
        self._waiting: dict[str, deque[int]] = {}
        self._count = 0

    @property
    def room(self) -> int:
        """How many numbers may be put in now."""
        return MAX_AHEAD - self._count

    @property
    def pos(self) -> int:
        """The number up to which everything is told once the batch is."""
        return min((numbers[0] for numbers in self._waiting.values()), default=self.read + 1) - 1

    def put(self, transitions: Iterable[tuple[int, str]]) -> None:
        """Let transitions wait: number and container of each, in order of their numbers."""
        for number, container in transitions:
            self._waiting.setdefault(container, deque()).append(number)
            self._count += 1
            self.read = number

    def take(self, limit: int) -> list[int]:
        """The batch, at most `limit` numbers, ascending; it stays the same until it is confirmed."""
        if self._batch:
            return self._batch
        turns = zip_longest(*(islice(numbers, limit) for numbers in self._waiting.values()))
        taken = set(islice((number for turn in turns for number in turn if number is not None), limit))
        served = [container for container, numbers in self._waiting.items() if numbers[0] in taken]
        for container in served:
            numbers = self._waiting.pop(container)
            while numbers and numbers[0] in taken:
                numbers.popleft()
            if numbers:
                self._waiting[container] = numbers  # behind those that had no turn
        self._count -= len(taken)
        self._batch = sorted(taken)
        return self._batch

    def confirm(self) -> None:
        """The batch is told."""
        self._batch = []
