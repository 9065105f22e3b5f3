"""Which source of events a path is."""

from __future__ import annotations

from pathlib import Path

from monitor.config import load_profile
from monitor.examine.event import Events
from monitor.examine.journal import JournalEvents
from monitor.examine.recording import RecordedEvents
from monitor.ingest.acceleration import is_acceleration, read_accelerations
from monitor.ingest.ide import SUFFIX, read_ide
from monitor.model.errors import TcmError


def open_events(source: Path, limits: Path | None, level_g: float | None = None, place: str | None = None) -> Events:
    """The events of a state directory, of a recording in CSV (a file or a folder) or of an `.IDE` file.

    They are held against the limits file, without one against the rules in the journal. `level_g` is where an event
    begins in a recording, `place` where its sensor sat; in a journal loggers and configuration say that. TcmError for
    what is none of these.
    """
    profile = load_profile(limits) if limits else None
    if not source.exists():
        raise TcmError("examine shock", str(source), "there is no such file or directory")
    if (source / "journal.db").exists():
        if level_g is not None:
            raise TcmError("examine shock", str(source), "--level is for recordings; here the loggers triggered")
        if place is not None:
            raise TcmError("examine shock", str(source), "--place is for recordings; here the configuration says it")
        return JournalEvents(source, profile)
    if source.suffix.lower() == SUFFIX:
        return RecordedEvents(source, read_ide, profile, level_g, place)
    if source.is_dir() and not any(is_acceleration(path.name) for path in source.iterdir()):
        cause = "expected a state directory with journal.db, or a recording with accel_<name>.csv or .csv.gz"
        raise TcmError("examine shock", str(source), cause)
    return RecordedEvents(source, read_accelerations, profile, level_g, place)
