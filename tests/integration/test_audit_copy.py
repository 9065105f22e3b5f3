"""An audit of the copy in minutes that is made of a store: what it lost is made again, of the mended store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.consumers.audit import Audit
from monitor.consumers.copy_audit import Copying
from monitor.consumers.expected import END_NS, Period
from monitor.consumers.long import PERIOD_S, Long
from monitor.sinks.influx import InfluxSink
from tests.audits import ALL, Place, wrong
from tests.influx import influx_rows
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.servers import Influxd
from tests.stores import AtOnce
from tests.stores import run as run_store


class CopiedPlace(Place):
    """A place with the copy of its store, whole."""

    def __init__(self, folder: Path, server: Influxd) -> None:
        super().__init__(folder, server)
        self.copy = InfluxSink(server.url, "v1", f"{self.database}_long")
        self.copy.open()
        assert self.audit()["ok"]
        self.minutes = self.copied()

    def audit(self, period: Period = ALL, *, is_dry_run: bool = False, now_ns: int = T0) -> dict[str, Any]:
        copying = Copying(self.sink, self.copy)
        audit = Audit(self.bench.folder, self.sink, period, now_ns, lambda *_: None, copying)
        return audit.run(is_dry_run=is_dry_run)

    def ask_copy(self, statement: str) -> list[list[Any]]:
        return influx_rows(self.server, f"{self.database}_long", statement, method="POST")

    def copied(self) -> dict[str, list[list[Any]]]:
        return {name: sorted(self.ask_copy(f"SELECT * FROM {name}"), key=str) for name in ("env", "derived")}


@pytest.fixture
def copied_place(tmp_path: Path, influx_server: Influxd) -> Iterator[CopiedPlace]:
    one = CopiedPlace(tmp_path, influx_server)
    yield one
    one.store.close()


def wrong_in_copy(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    return wrong({"measurements": told["copy"]})


def test_a_copy_that_was_never_made_is_filled(copied_place: CopiedPlace) -> None:
    """As after an update from a version without one: with what the daemon itself would have made of it."""
    minutes = copied_place.minutes
    assert all(minutes.values())
    told = copied_place.audit(is_dry_run=True)
    assert (told["ok"], wrong_in_copy(told)) == (True, {})
    assert {name: each["expected"] for name, each in told["copy"].items()} == {
        name: len(rows) for name, rows in minutes.items()
    }
    for name in minutes:
        copied_place.ask_copy(f"DROP MEASUREMENT {name}")
    bench, raw = copied_place.bench, copied_place.sink
    (bench.folder / "store.db").unlink()  # all is written again, and the copy made by the daemon
    store = bench.store(raw)
    long = Long(bench.folder, raw, copied_place.copy, AtOnce(), bench.clock)
    store.copy_to(lambda: long.copied)
    run_store(store)
    bench.clock.mono += round(PERIOD_S * S)
    while long.step():
        pass
    store.close()
    assert copied_place.copied() == minutes


def test_what_the_copy_lost_is_made_again(copied_place: CopiedPlace) -> None:
    """Minutes and values, found to the minute; what the store has no readings of any more stays in the copy."""
    before = copied_place.minutes
    times = sorted({row[0] for row in before["env"] if "L-1" in row})
    copied_place.ask_copy(f"DELETE FROM env WHERE logger = 'L-1' AND time >= {times[2]} AND time < {times[5]}")
    copied_place.copy.write(f"env,container=C,logger=L-2 temperature_air_c_mean=99.5 {times[7]}\n".encode())
    copied_place.copy.write(f"env,container=C,logger=L-1 temperature_air_c_min=1 {T0 - 86_400 * S}\n".encode())
    expected_wrong = {"env": {"missing": 3, "different": 1}}
    dry = copied_place.audit(is_dry_run=True)
    assert (dry["ok"], dry["left"], wrong(dry), wrong_in_copy(dry)) == (False, 4, {}, expected_wrong)
    other = copied_place.audit(Period(0, times[3] - 1, None), is_dry_run=True)
    assert wrong_in_copy(other) == {"env": {"missing": 1}}
    assert copied_place.audit(Period(0, END_NS, "C-9"), is_dry_run=True)["ok"]
    told = copied_place.audit()
    assert (told["ok"], told["copy"]["env"]["rewritten"]) == (True, 4)
    after = copied_place.copied()
    assert [row for row in after["env"] if row[0] != T0 - 86_400 * S] == before["env"]
    assert wrong_in_copy(copied_place.audit(is_dry_run=True)) == {}


def test_the_copy_is_made_of_the_mended_store(copied_place: CopiedPlace) -> None:
    """One command for both, whatever they lost."""
    for ask in (copied_place.ask, copied_place.ask_copy):
        ask("DROP SERIES FROM env WHERE logger = 'L-2'")
    assert copied_place.audit()["ok"]
    assert copied_place.copied() == copied_place.minutes


def test_minutes_that_the_daemon_is_about_to_bring_are_not_missing(copied_place: CopiedPlace) -> None:
    """They stand in `store.db`; whoever mends makes them too."""
    place = copied_place
    long = Long(place.bench.folder, place.sink, place.copy, AtOnce(), place.bench.clock)
    place.store.copy_to(lambda: long.copied)
    place.bench.append(arrival("env", env(900, t0=T0 + 3_600 * S), T0, logger="L-1"))
    run_store(place.store)
    assert place.audit(is_dry_run=True)["ok"]
    assert place.audit()["copy"]["env"]["rewritten"] == 1


def test_a_copy_that_refuses_is_a_no(copied_place: CopiedPlace) -> None:
    """A field of another type, as its own words say; the rest of what is missing is there."""
    place = copied_place
    place.ask_copy("DROP MEASUREMENT env")
    minute = place.minutes["env"][0][0]
    place.copy.write(f'env,container=C,logger=L-9 temperature_air_c_mean="a" {minute}\n'.encode())
    told = place.audit()
    assert (told["ok"], told["left"] > 0) == (False, True)
    assert "field type conflict" in told["refusal"]
    assert place.copied()["derived"] == place.minutes["derived"]


def test_past_the_retention_of_the_copy_nothing_is_made(copied_place: CopiedPlace) -> None:
    """And nothing of minutes of which the store may have dropped some readings."""
    place = copied_place
    end_ns = max(row[0] for row in place.minutes["env"])
    place.ask_copy(f'ALTER RETENTION POLICY "autogen" ON "{place.database}_long" DURATION 1h SHARD DURATION 1h')
    place.ask_copy("DROP MEASUREMENT env")
    told = place.audit(is_dry_run=True, now_ns=end_ns + 7_200 * S)
    assert (told["ok"], told["copy"]["env"]["past_retention"]) == (True, len(place.minutes["env"]))
