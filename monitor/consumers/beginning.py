"""Where a replay of a state directory begins: with the journal, or with the base of watch.db."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path

from monitor.alerts import AlertBook
from monitor.config import Rules
from monitor.consumers.base import Base
from monitor.consumers.judge import Judge
from monitor.consumers.watch_file import WatchReader
from monitor.detect.engine import Judges
from monitor.detect.nearest import Nearest
from monitor.journal import JournalReader, Page, Place
from monitor.journal.ordered import dropped_upto
from monitor.model.errors import TcmError

# Live a batch is small, as each alert in it waits for its end; here as many readings at once as are judged fastest.
MAX_BATCH_RECORDS = 4_000  # and no more bytes than a reader gives at once
Progress = Callable[[int, int], None]
Adapt = Callable[[Rules], Rules]


class Beginning:
    """What a replay goes on from: `base` (None: nothing, it begins with the journal), having come to `pos`.

    The base where the journal has dropped what was before; for a replay in official order wherever there is one, as the
    daemon does not judge again what came too late to be placed behind it.
    """

    def __init__(
        self,
        state_dir: Path,
        reader: JournalReader,
        adapt: Adapt | None,
        *,
        is_ordered: bool,
        nearest: Nearest | None = None,
    ) -> None:
        """`adapt` changes the rules: then what the daemon told says nothing.

        How near anything comes to its limits goes to `nearest`. TcmError when what the journal has dropped stands
        nowhere else.
        """
        self._state_dir, self._reader, self._adapt, self._nearest = state_dir, reader, adapt, nearest
        dropped_pos = dropped_upto(reader)
        self.base = self._read_base() if dropped_pos or (is_ordered and adapt is None) else None
        if dropped_pos and (self.base is None or self.base.needed_from <= dropped_pos):
            cause = f"the journal has dropped its records up to {dropped_pos}, and watch.db has no state to go on from"
            raise TcmError("replay", str(state_dir), cause, "copy watch.db too, or replay a backup that is whole")
        self.pos = 0 if self.base is None else self.base.pos

    def judge(self, judges: Judges = "both") -> Judge:
        """A judge that has come so far."""
        fresh = Judge(
            *(None, self._reader.anchor, self._adapt or _as_journalled),
            judges=judges,
            is_replay=True,
            nearest=self._nearest,
        )
        if self.base is None:
            return fresh
        config = self._reader.last_config(self.base.pos)
        assert config is not None  # a base is that of a judge under rules
        return fresh.at_base(config, self.base.state)

    def tell_before(self, book: AlertBook) -> None:
        """Enter what the daemon told of the records before."""
        self._tell(book, lambda pos: pos <= self.pos)

    def tell_apart(self, book: AlertBook, positions: Collection[int]) -> None:
        """Enter what the daemon told of records that came too late to be judged in their place."""
        apart = set(positions)
        self._tell(book, apart.__contains__)

    def _tell(self, book: AlertBook, is_wanted: Callable[[int], bool]) -> None:
        if self.base is not None and self._adapt is None:
            with closing(WatchReader(self._state_dir)) as watch:
                book.copy_from(watch.book, is_wanted)

    def _read_base(self) -> Base | None:
        if not (self._state_dir / "watch.db").exists():
            return None
        with closing(WatchReader(self._state_dir)) as watch:
            return watch.base.read()


def _as_journalled(rules: Rules) -> Rules:
    return rules


def journal_batches(reader: JournalReader, after_pos: int, head: int) -> Iterator[Page]:
    """The records behind a position up to another, in the order in which they are judged, a batch at a time."""
    place = Place(after_pos)
    while place.pos < head:
        page = reader.read(place, min(MAX_BATCH_RECORDS, head - place.pos))
        yield page
        place = page.reached
