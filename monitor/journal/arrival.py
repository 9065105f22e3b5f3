"""What the intake hands to the journal, and what the journal says it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.journal.gaps import Range
from monitor.model.record import Message


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came, with what the intake could make of it.

    `is_prompt` says that it was neither retained nor queued, so that its time of receipt may anchor the boot's clock;
    `is_live` that it tells of the present: neither retained nor from memory.
    """

    received_ns: int
    topic: str
    payload: bytes
    is_retained: bool = False
    is_prompt: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it is neither retained nor from the logger's memory."""
        return not self.is_retained and "/up/fill/" not in self.topic


@dataclass(frozen=True, slots=True)
class Usable(Arrival):
    """An arrival that decodes; `is_derived` when its seq is no count but a time, and nobody waits for an answer."""

    container: str = ""
    logger: str = ""
    kind: str = ""
    message: Message | None = None
    is_derived: bool = False


@dataclass(frozen=True, slots=True)
class Refused(Arrival):
    """An arrival for quarantine; `settles` is the (container, logger, boot, seq) that it settles all the same."""

    reason: str = ""
    settles: tuple[str, str, int, int] | None = None


BootKey = tuple[str, str, int]  # container, logger, boot
Owner = tuple[str, str]  # container, logger


@dataclass(slots=True)
class Traffic:
    """What came of a logger in a commit: anything that it sent itself; a status that it may have connected with; from
    its memory a record that was missing; the highest seq of those of each boot that were there already.
    """

    is_heard: bool = False
    is_connecting: bool = False
    is_filling: bool = False
    repeated: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Commit:
    """What a transaction did.

    `upto` has the boots that are due an acknowledgement; `births` those among them that are due it at once.
    """

    inserted: int = 0
    statuses: int = 0
    duplicates: int = 0
    quarantined: int = 0
    last_reason: str = ""
    upto: dict[BootKey, int] = field(default_factory=dict)
    births: set[BootKey] = field(default_factory=set)
    traffic: dict[Owner, Traffic] = field(default_factory=dict, compare=False)


BootId = tuple[str, int]  # logger, boot


class Asked(NamedTuple):
    """Ranges that loggers were asked for since the last tick, and those asked for in vain, which are lost."""

    requested: Mapping[BootId, Sequence[Range]]
    in_vain: Mapping[BootId, Sequence[Range]]


NOTHING_ASKED = Asked({}, {})
