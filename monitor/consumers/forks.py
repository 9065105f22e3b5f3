"""Forks: where the records of a container ceased to come in order, and what the judge knew of it just before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

MAX_FORKS = 1_000  # containers; further ones are judged again from the base, as those below
MAX_FORK_BYTES = 64 << 20  # of all states together: as much again as the detector's own


@dataclass(slots=True)
class Fork:
    """A container is judged again in official order, from `state` on: from the record at `since_pos`.

    Where that is 0 it is from the base, which had come to `after_pos`; without `state` from the journal's beginning.
    Then it `is_oldest`: nothing older is known to go back to. `since_ns` is when it began, by the steady time of the
    ticks. `must_judge`, even when the records are in order. `scanned_pos` and `judged` are how far that has come: rows
    up to which position, how many of them; `planned` how many before the next tick. `number` is another for each fork.
    """

    number: int
    since_pos: int
    since_ns: int
    state: bytes
    after_pos: int = 0
    is_oldest: bool = False
    must_judge: bool = False
    scanned_pos: int = 0
    judged: int = 0
    planned: int = 0


class Forks:
    """At most one fork for each container; whoever has one is provisional."""

    def __init__(self) -> None:
        self._forks: dict[str, Fork] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._forks)

    def __contains__(self, container: str) -> bool:
        return container in self._forks

    def __iter__(self) -> Iterator[str]:
        """The containers, in order of their names."""
        return iter(sorted(self._forks))

    def __getitem__(self, container: str) -> Fork:
        return self._forks[container]

    def get(self, container: str) -> Fork | None:
        """The container's fork, None where it has none."""
        return self._forks.get(container)

    @property
    def has_room(self) -> bool:
        """Whether the state of one container more can be kept."""
        kept = [fork for fork in self._forks.values() if fork.state]
        return len(kept) < MAX_FORKS and self.kept_bytes < MAX_FORK_BYTES

    @property
    def kept_bytes(self) -> int:
        """The states of all forks together."""
        return sum(len(fork.state) for fork in self._forks.values())

    @property
    def rootless(self) -> list[str]:
        """The containers to be judged again from the oldest state that is known, which nobody looked up yet."""
        return [container for container in self if not self._forks[container].state]

    def begin(self, container: str, since_pos: int, since_ns: int, state: bytes) -> None:
        """Go back to `state` when the container is judged again."""
        self._number += 1
        self._forks[container] = Fork(self._number, since_pos, since_ns, state)

    def begin_anew(self, container: str, since_ns: int) -> None:
        """Judge the container again from the oldest state that is known, whatever is in order."""
        self._number += 1
        self._forks[container] = Fork(self._number, 0, since_ns, b"", is_oldest=True, must_judge=True)

    def mark(self, container: str) -> None:
        """A record was judged apart from its stream: though it may stand in its place, that was not its place."""
        self._forks[container].must_judge = True

    def end(self, container: str) -> None:
        """The container is settled."""
        del self._forks[container]

    def snapshot(self) -> dict[str, Any]:
        """The forks for `restore`."""
        return {"number": self._number, "forks": [[name, *astuple(fork)] for name, fork in self._forks.items()]}

    def restore(self, content: dict[str, Any]) -> None:
        """Take up the forks of a snapshot."""
        self._number = content["number"]
        self._forks = {name: Fork(*fields) for name, *fields in content["forks"]}
