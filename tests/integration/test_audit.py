"""`tcm store audit` beside a real InfluxDB: what it lost or changed is found, mended, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from monitor.consumers import expected
from monitor.consumers.expected import END_NS, Period
from monitor.sinks import influxql
from monitor.sinks.influx import InfluxSink
from monitor.sinks.stored import TAGS
from tests.audits import ROWS, Place, audited, wrong
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.servers import Influxd
from tests.stores import run as run_store


@pytest.fixture
def place(tmp_path: Path, influx_server: Influxd) -> Iterator[Place]:
    one = Place(tmp_path, influx_server)
    yield one
    one.store.close()


def test_a_store_that_has_all_is_found_to_have_all(place: Place) -> None:
    """Every point of every measurement is expected once, and found; nothing else is there."""
    told = place.audit(is_dry_run=True)
    assert (told["ok"], wrong(told)) == (True, {})
    content = place.content()
    assert all(content[name] for name in TAGS)
    assert {name: each["expected"] for name, each in told["measurements"].items()} == {
        name: len(rows) for name, rows in content.items()
    }


def test_what_was_lost_or_changed_is_mended(place: Place) -> None:
    """A thousand points, a series, an alert, a derived point, a value each: found to the point, then as before."""
    before = place.content()
    times = sorted(row[0] for row in before["env"] if "L-1" in row)
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time >= {times[500]} AND time < {times[1500]}")
    place.ask("DROP SERIES FROM shock_wave WHERE logger = 'L-2'")
    place.ask(f"DELETE FROM derived WHERE time = {before['derived'][3][0]} AND logger = 'L-1'")
    place.ask("DROP SERIES FROM exposure WHERE logger = 'L-1'")
    place.ask("DROP SERIES FROM srs WHERE logger = 'L-1' AND freq_hz = '20'")
    place.ask("DROP MEASUREMENT logger")
    place.ask(f"DELETE FROM operator WHERE time = {before['operator'][0][0]}")
    alert = before["alert"][0]
    place.ask(f"DELETE FROM alert WHERE time = {alert[0]}")
    place.sink.write(f"env,container=C,logger=L-2 temperature_air_c=99.5 {times[7]}\n".encode())
    place.sink.write(f'shock,container=C,logger=L-1,sensor=a valid=false,seq="7" {before["shock"][0][0]}\n'.encode())
    place.sink.write(f"srs,container=C,logger=L-2,sensor=a,freq_hz=10 accel_g=0 {before['srs'][0][0]}\n".encode())
    place.sink.write(f"env,container=C,logger=L-9 temperature_air_c=1 {times[7]}\n".encode())
    place.sink.write(f"env,container=C,logger=L-1 temperature_air_c=1 {times[9] + 1}\n".encode())
    expected_wrong = {
        "env": {"missing": 1000, "different": 1, "extra": 2},
        "derived": {
            "missing": len([row for row in before["derived"] if row[0] == before["derived"][3][0] and "L-1" in row])
        },
        "logger": {"missing": len(before["logger"])},
        "shock": {"different": 1},
        "srs": {"missing": 1, "different": 1},
        "shock_wave": {"missing": len([row for row in before["shock_wave"] if "L-2" in row])},
        "alert": {"missing": len([row for row in before["alert"] if row[0] == alert[0]])},
        "exposure": {"missing": len([row for row in before["exposure"] if "L-1" in row])},
        "operator": {"missing": 1},
    }
    dry = place.audit(is_dry_run=True)
    assert (dry["ok"], wrong(dry)) == (False, expected_wrong)
    assert place.audit(is_dry_run=True) == dry
    told = place.audit()
    mended = {name: sum(each.get(key, 0) for key in ("missing", "different")) for name, each in expected_wrong.items()}
    assert (told["ok"], told["left"]) == (True, 0)
    assert {name: each["rewritten"] for name, each in told["measurements"].items()} == mended
    after = place.content()
    assert [row for row in after["env"] if "L-9" not in row and row[0] != times[9] + 1] == before["env"]
    assert {name: rows for name, rows in after.items() if name != "env"} == {
        name: rows for name, rows in before.items() if name != "env"
    }
    again = place.audit()
    assert (again["ok"], wrong(again)) == (True, {"env": {"extra": 2}})


def test_points_of_an_earlier_version_are_brought_to_this_one(place: Place) -> None:
    """Events that it told with fewer fields and without a spectrum get both, once."""
    before = place.content()
    place.ask("DROP MEASUREMENT shock")
    place.ask("DROP MEASUREMENT srs")
    old = [
        f'shock,container=C,logger={logger},sensor=a peak_g=2.5,valid=true,boot="1",seq="40"'
        for logger in ("L-1", "L-2")
    ]
    place.sink.write("".join(f"{line} {before['shock'][0][0]}\n" for line in old).encode())
    assert wrong(place.audit(is_dry_run=True)) == {"shock": {"different": 2}, "srs": {"missing": len(before["srs"])}}
    assert place.audit()["ok"]
    assert place.content() == before
    assert wrong(place.audit()) == {}


def test_pages_and_segments_change_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in the smallest pieces the same is found, also at the edges of a period and of one container."""
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time >= {T0} AND time < {T0 + 3000 * S}")
    whole = place.audit(is_dry_run=True)
    part = place.audit(Period(T0 + 600 * S, T0 + 2300 * S, "C"), is_dry_run=True)
    monkeypatch.setattr(influxql, "PAGE_ROWS", 17)  # more than an event here has frequencies, all at one time
    monkeypatch.setattr(influxql, "PAGE_SERIES", 1)
    monkeypatch.setattr(expected, "SEGMENT_POINTS", 100)
    assert place.audit(is_dry_run=True) == whole
    assert place.audit(Period(T0 + 600 * S, T0 + 2300 * S, "C"), is_dry_run=True) == part
    assert wrong(whole) == {"env": {"missing": 180}}
    assert wrong(part) == {"env": {"missing": 60 + 30}}
    assert part["measurements"]["env"]["expected"] == 2 * 90
    assert place.audit(Period(0, END_NS, "C-other"), is_dry_run=True)["measurements"]["env"]["expected"] == 0


def test_a_store_that_keeps_refusing_is_a_no(place: Place) -> None:
    """A value of another kind stands in the way: what could not be mended is told, with the server's reason."""
    time_ns = min(row[0] for row in place.content()["shock"])
    with closing(InfluxSink(place.server.url, "v1", f"audit-{uuid4().hex}")) as sink:
        sink.ensure()
        sink.write(f'shock,container=C,logger=L-1,sensor=a peak_g="text" {time_ns + 1}\n'.encode())
        told = audited(place.bench, sink)
    shocks = told["measurements"]["shock"]
    assert not told["ok"]
    assert (told["left"], shocks["missing"], shocks["rewritten"], shocks["extra"]) == (2, 2, 0, 1)
    assert "peak_g" in told["refusal"]
    assert told["measurements"]["env"]["rewritten"] == 2 * 40 * ROWS


def test_what_the_daemon_writes_meanwhile_stands(place: Place) -> None:
    """A record with the same times comes while the audit writes older values: the newer ones stand in the end."""
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time < {T0 + 600 * S}")
    came: list[bool] = []
    write = place.sink.write

    def late(body: bytes) -> None:
        if not came:
            came.append(True)
            newer = env(60, boot=2, values=[[5.0, 50.0]] * ROWS, t0=T0)
            place.bench.append(arrival("env", newer, T0, logger="L-1"))
            place.sink.write = write  # type: ignore[method-assign]  # once was enough
            run_store(place.store)
        write(body)

    place.sink.write = late  # type: ignore[method-assign]  # to be there between two writes
    assert place.audit()["ok"]
    rows = place.ask(f"SELECT temperature_air_c FROM env WHERE logger = 'L-1' AND time < {T0 + 600 * S}")
    assert [row[1] for row in rows] == [5] * ROWS
    assert wrong(place.audit(is_dry_run=True)) == {}
