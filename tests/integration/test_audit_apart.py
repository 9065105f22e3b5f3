"""What `tcm store audit` names apart: points on their way, not yet confirmed, refused or past the retention."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.audits import ROWS, Place, wrong
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.servers import Influxd
from tests.stores import run as run_store


@pytest.fixture
def place(tmp_path: Path, influx_server: Influxd) -> Iterator[Place]:
    one = Place(tmp_path, influx_server)
    yield one
    one.store.close()


def test_what_is_still_on_its_way_is_not_missing(place: Place) -> None:
    """Records behind the store's cursor, and what they led to, are left out; once confirmed they count."""
    place.bench.append(arrival("env", env(50, values=[[30.0, 50.0]] * ROWS), T0, logger="L-1"))
    told = place.audit()
    assert (told["ok"], wrong(told)) == (True, {})
    run_store(place.store)
    later = place.audit(is_dry_run=True)
    assert (later["ok"], wrong(later)) == (True, {})
    assert later["measurements"]["env"]["expected"] == told["measurements"]["env"]["expected"] + ROWS


def test_what_is_there_before_it_is_confirmed_is_not_extra(place: Place) -> None:
    """A store that died before its cursors were saved has written more than they say."""
    with closing(sqlite3.connect(place.bench.folder / "store.db")) as other:
        other.execute("UPDATE cursors SET n = n - 20 WHERE name <> 'transitions'")
        other.execute("UPDATE cursors SET n = n - 3 WHERE name = 'transitions'")
        other.commit()
    told = place.audit()
    assert (told["ok"], wrong(told)) == (True, {})
    assert 0 < told["measurements"]["env"]["expected"] < len(place.content()["env"])


def test_past_the_retention_nothing_is_rewritten_in_vain(place: Place) -> None:
    """Points older than the server keeps them are named apart; younger ones are mended.

    The server's own clock has no part in it: it keeps them for as long as T0 is past, and a day.
    """
    kept_s = max(time.time_ns() // S - T0 // S, 0) + 86_400
    place.ask(f'ALTER RETENTION POLICY autogen ON "{place.database}" DURATION {kept_s}s SHARD DURATION 1h')
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time < {T0 + 5000 * S}")
    told = place.audit(now_ns=T0 + kept_s * S + 3000 * S)
    assert (told["ok"], told["retention_s"]) == (True, float(kept_s))
    assert wrong(told) == {"env": {"missing": 120, "rewritten": 120, "past_retention": 180}}


def test_refused_points_are_named_apart(place: Place) -> None:
    """What the store has refused for good is neither missing nor written again."""
    (pos,) = place.bench.reader.connection.execute(
        "SELECT pos FROM records WHERE logger = 'L-1' AND seq = 0"
    ).fetchone()
    with closing(sqlite3.connect(place.bench.folder / "store.db")) as other:
        other.execute(
            "INSERT INTO refused(measurement, tags, field, key, time_ns, last_ns, points, reason) "
            "VALUES('env', 'container=C,logger=L-1', '', ?, ?, ?, 3, '')",
            (pos, T0, T0 + 20 * S),
        )
        other.commit()
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time < {T0 + 50 * S}")
    told = place.audit()
    assert (told["ok"], wrong(told)) == (True, {"env": {"missing": 2, "rewritten": 2, "refused": 3}})


def test_a_field_that_was_refused_is_named_apart(place: Place) -> None:
    """What else such points have is compared all the same."""
    store_db = place.bench.folder / "store.db"
    with closing(sqlite3.connect(store_db)) as other:
        other.execute(
            "INSERT INTO refused(measurement, tags, field, key, time_ns, last_ns, points, reason) "
            "VALUES('env', '', 'temperature_air_c', 0, ?, ?, 6, '')",
            (T0, T0 + 20 * S),
        )
        other.commit()
    rows = place.ask("SELECT * FROM env WHERE logger = 'L-1'")
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time <= {T0 + 30 * S}")
    lines = [f"env,container=C,logger=L-1 humidity_air_pct={row[2]} {row[0]}" for row in rows if row[0] <= T0 + 10 * S]
    place.sink.write("\n".join(lines).encode())
    told = place.audit(is_dry_run=True)
    assert wrong(told) == {"env": {"missing": 2, "refused": 2}}
