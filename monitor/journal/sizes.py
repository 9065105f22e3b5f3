"""How many records there are of each container, by the boots' counts and not by looking through them."""

from __future__ import annotations

from monitor.journal.reader import JournalReader

_MOST = 1 << 40  # of a boot: seqs beyond are times, as of records in other formats


def sizes_of(reader: JournalReader, max_boots: int) -> dict[str, int]:
    """About how many records there are of each container; nothing where there are more than `max_boots` boots."""
    (boots,) = reader.connection.execute("SELECT count(*) FROM boots").fetchone()
    if boots > max_boots:
        return {}
    rows = reader.connection.execute(f"SELECT container, sum(iif(next < {_MOST}, next, 0)) FROM boots GROUP BY 1")
    counted = dict(rows.fetchall())
    return {container: int(counted.get(container, 0)) for container in reader.containers()}
