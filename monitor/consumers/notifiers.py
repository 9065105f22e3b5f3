"""Notifiers: all that are configured, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monitor.config.alerting import NotifierSettings
from monitor.consumers.notifier import Notifier
from monitor.consumers.notify_file import OF_NOTIFIERS, NotifyFile
from monitor.consumers.silences import Silences
from monitor.consumers.watch_file import WatchReader
from monitor.journal import JournalReader
from monitor.model.clock import Clock
from monitor.model.condition import Condition
from monitor.notify.notification import Transport

Opening = Callable[[NotifierSettings], Transport]


class Notifiers:
    """One for each of `settings`, told by the transport that `opening` gives it; whoever has them steps them."""

    def __init__(
        self, state_dir: Path, settings: Sequence[NotifierSettings], file: NotifyFile, clock: Clock, opening: Opening
    ) -> None:
        _forget_others(file, [each.name for each in settings])
        self._journal = JournalReader(state_dir)
        silences = Silences(self._journal)
        self._readers = [WatchReader(state_dir) for _ in settings]
        self.each = tuple(
            Notifier(each, file, reader, silences, opening(each), clock)
            for each, reader in zip(settings, self._readers, strict=True)
        )

    def conditions(self) -> list[Condition]:
        """What somebody has to see of them."""
        return [condition for notifier in self.each for condition in notifier.conditions()]

    def document(self, last_transition: int) -> list[dict[str, Any]]:
        """How far each is, for the status document."""
        return [notifier.document(last_transition) for notifier in self.each]

    def problems(self) -> list[tuple[str, str]]:
        """Of each what keeps it from telling, "" for nothing."""
        return [(f"notifier {notifier.name}", notifier.problem) for notifier in self.each]

    @property
    def is_caught_up(self) -> bool:
        """Whether each has told all that is due."""
        return all(notifier.is_caught_up for notifier in self.each)

    @property
    def is_at_rest(self) -> bool:
        """Whether each has done what it can do now; a receiver that is away is not waited for."""
        return all(notifier.problem or notifier.is_caught_up for notifier in self.each)

    def cut(self) -> None:
        """End what is being sent: the daemon ends, and it is sent again after the next start."""
        for notifier in self.each:
            notifier.cut()

    def close(self) -> None:
        """Give connections and readers back."""
        self.cut()
        for reader in self._readers:
            reader.close()
        self._journal.close()


def _forget_others(file: NotifyFile, names: Sequence[str]) -> None:
    """Drop what notifiers left that are no longer configured: one that comes back begins with what is open then."""
    marks = ", ".join("?" * len(names))
    with file.writing() as connection:
        for table in OF_NOTIFIERS:
            column = "name" if table == "notifiers" else "notifier"
            connection.execute(f"DELETE FROM {table} WHERE {column} NOT IN ({marks})", names)
