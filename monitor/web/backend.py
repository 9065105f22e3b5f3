"""What the pages ask of the daemon."""

from __future__ import annotations

from typing import Any, Protocol

from monitor.alerts.listing import Change
from monitor.alerts.query import AlertQuery

Document = dict[str, Any]


class Upload(Protocol):
    """A file on its way into the state directory."""

    def write(self, piece: bytes) -> None:
        """Add to it."""

    def finish(self) -> Document:
        """It is whole, and durable: its `name`, `sha256` and length in `bytes`."""

    def abandon(self) -> None:
        """Where it did not come to its end nothing of it stays."""


class Backend(Protocol):
    """Called from a pool of threads; TcmError where something cannot be done."""

    @property
    def is_ending(self) -> bool:
        """Whether the daemon comes to its end: nobody is kept waiting."""

    def status(self) -> Document:
        """The status document."""

    def problems(self) -> dict[str, str]:
        """What does not move, by part; empty when all is well."""

    def metrics(self) -> bytes:
        """Prometheus' text form of the status."""

    def alerts(self, query: AlertQuery) -> list[Document]:
        """Published alerts."""

    def alert(self, key: str) -> Document:
        """An alert with its evidence; UnknownName where there is none of this id."""

    def last_transition(self) -> int:
        """The number of the latest change of an alert, 0 before the first."""

    def changes(self, after: int) -> list[Change]:
        """The changes of alerts behind number `after`, a page of them."""

    def containers(self) -> list[Document]:
        """Each container as it stands now."""

    def phases(self, container: str | None) -> list[Document]:
        """Present phases and operators' records."""

    def silences(self) -> list[Document]:
        """Silences that are or will be."""

    def entered(self, container: str | None, kind: str | None) -> list[Document]:
        """Operators' records, of a container and of a type where these are given."""

    def enter(self, content: Any) -> Document:
        """Journal an operator's record; returns when it is durable."""

    def acknowledge(self, key: str, content: Document) -> Document:
        """Journal that somebody has seen an alert; returns when it is durable."""

    def upload(self, name: str) -> Upload:
        """A place for a file that a record will name."""

    def import_recording(
        self, name: str, content: bytes, container: str, logger: str, start: str | None
    ) -> dict[str, int]:
        """Put a recording through the intake; returns when it is journalled."""

    def reload(self) -> Document:
        """Take up the configuration as its files are now; ConfigProblems when they cannot be used."""
