"""Points of events: under the names of the schema, of many at once as of each by itself, and told once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.consumers.event_tables import event_results
from monitor.consumers.results import ResultBook
from monitor.model.batch import Table
from monitor.model.event_summary import EventSummary
from monitor.replaying import replay_source
from monitor.shock.analysis import Analysis
from monitor.sinks import lines
from monitor.sinks.stored import TAGS
from tests.disorder import Gateway, block
from tests.journals import arrival
from tests.messages import T0, S, shock
from tests.stores import Bench, Ledger, of, run

EVENT = EventSummary(
    pos=7,
    container="C-101",
    logger="L-01",
    sensor="a",
    boot=71,
    seq=902,
    trigger_ns=T0,
    peak_g=-10.5,
    peak_raw_g=11.25,
    axis_peak_g=(1.5, -10.5, 0.25),
    resultant_g=10.625,
    duration_ms=10.5,
    delta_v_m_s=1.125,
    drop_height_m=0.3125,
    srs_peak_g=17.5,
    srs_peak_hz=80.0,
    damage_margin=1.5,
    kind="impact",
    faults="",
    spectrum=((5.0, 0.5), (7.93700526, 0.75), (1612.69894, 12.5)),
)
NUMBERS = st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)
FREQUENCIES_HZ = [5.0, 6.29960525, 7.93700526, 10.0]
EVENTS = st.builds(
    replace,
    st.just(EVENT),
    pos=st.integers(1, 3),
    container=st.sampled_from(["C-1", "C-2"]),
    sensor=st.sampled_from(["a", "b"]),
    trigger_ns=st.integers(0, 1 << 62),
    peak_g=NUMBERS,
    axis_peak_g=st.tuples(NUMBERS, NUMBERS, NUMBERS),
    drop_height_m=NUMBERS,
    faults=st.sampled_from(["", "clipped at 16 g"]),
    spectrum=st.integers(0, 4).flatmap(
        lambda n: st.tuples(*(st.tuples(st.just(hz), NUMBERS) for hz in FREQUENCIES_HZ[:n]))
    ),
)
OLD_ROW = (
    '[{"measurement":"shock","series":[{"container":"C","logger":"L","sensor":"a"}],"of":[0],"pos":[2],"times_ns":[%d],'
    '"fields":{"peak_g":[7.5],"valid":[true],"boot":["1"],"seq":["0"]}}]'
)


def written(tables: list[Table]) -> list[str]:
    return lines(tables).decode().splitlines()


def test_the_points_as_they_stand() -> None:
    """All fields of the schema, floats with the fewest digits, boot and seq as text, a series for each frequency."""
    tags = "container=C-101,logger=L-01,sensor=a"
    assert written(event_results([EVENT])) == [
        f"shock,{tags} peak_g=-10.5,peak_raw_g=11.25,peak_x_g=1.5,peak_y_g=-10.5,peak_z_g=0.25,resultant_g=10.625,"
        "duration_ms=10.5,delta_v_m_s=1.125,drop_height_m=0.3125,srs_peak_g=17.5,srs_peak_hz=80.0,damage_margin=1.5,"
        f'valid=true,kind="impact",boot="71",seq="902" {T0}',
        f"srs,{tags},freq_hz=5 accel_g=0.5 {T0}",
        f"srs,{tags},freq_hz=7.937 accel_g=0.75 {T0}",
        f"srs,{tags},freq_hz=1613 accel_g=12.5 {T0}",
    ]
    assert [{tuple(dict(tags)) for tags in table.series} for table in event_results([EVENT])] == [
        {TAGS["shock"]},
        {TAGS["srs"]},
    ]


@given(st.lists(EVENTS, max_size=6))
def test_of_many_events_each_says_what_it_says_by_itself(events: list[EventSummary]) -> None:
    """One table for all: what one does not say is left out of its point alone."""
    each = Counter(line for event in events for line in written(event_results([event])))
    assert Counter(written(event_results(events))) == each


def test_what_an_event_does_not_say_is_left_out() -> None:
    """A drop that was none, a rate too low for any spectrum, no damage boundary: no field, and no point of `srs`."""
    silent = replace(EVENT, drop_height_m=None, srs_peak_g=None, srs_peak_hz=None, damage_margin=None, spectrum=())
    (line,) = written(event_results([silent]))
    assert not any(name in line for name in ("drop_height_m", "srs_peak", "damage_margin"))
    assert event_results([]) == []


def told(watch_db: ResultBook) -> Counter[tuple[Any, ...]]:
    """How often each point of events stands in watch's file."""
    tables = [table for row in watch_db.after(0, 1 << 40) for table in row.tables]
    return Counter(
        (part.measurement, part.tags, part.key, *part.times_ns.tolist())
        for table in tables
        if table.measurement in ("shock", "srs")
        for part in table.split()
    )


def test_an_event_is_told_once_however_often_it_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged in official order, after a restart or in a replay it costs no spectrum: what it is stands already."""
    gateway = Gateway(tmp_path)
    gateway.append(block(0, 20.0), arrival("shock", shock(1)), block(3, 20.0), arrival("shock", shock(4)))
    gateway.judge()
    results = ResultBook(gateway.watch.book._connection)
    before = told(results)
    assert {measurement for measurement, *_ in before} == {"shock", "srs"}
    assert len({key for _, _, key, _ in before}) == 2

    def refuse(_analysis: Analysis) -> None:
        raise AssertionError("nobody wants it again")

    monkeypatch.setattr(Analysis, "responses", property(refuse))
    gateway.append(block(2, 26.0, is_fill=True))
    gateway.settle()
    assert not list(gateway.watch.judge.forks)
    for is_ordered in (False, True):
        assert replay_source(tmp_path, None, lambda *_: None, is_ordered=is_ordered)["events"] == 2
    gateway.start()  # as after a crash: all is judged again
    gateway.judge()
    assert told(ResultBook(gateway.watch.book._connection)) == before


def test_a_late_event_is_told_like_any_other(tmp_path: Path) -> None:
    """It came when others were judged: its point is its own, and once."""
    gateway = Gateway(tmp_path)
    gateway.append(block(0, 20.0), arrival("shock", shock(3)))
    gateway.judge()
    gateway.append(arrival("shock", shock(1), is_fill=True))
    gateway.settle()
    points = told(ResultBook(gateway.watch.book._connection))
    assert len({key for _, _, key, _ in points}) == 2
    assert set(points.values()) == {1}


def test_what_an_earlier_version_told_is_sent_as_it_stands(tmp_path: Path) -> None:
    """Rows in watch.db that the store has not confirmed yet, without fields that are new."""
    bench = Bench(tmp_path)
    with bench.watch.book._connection as connection:
        connection.execute("INSERT INTO results VALUES(NULL, 2, 2, 0, ?)", (OLD_ROW % T0,))
    bench.append(arrival("shock", shock(3)))
    sink = Ledger()
    run(bench.store(sink))
    old, new = of("shock", sink.kept)
    assert old == f'shock,container=C,logger=L,sensor=a peak_g=7.5,valid=true,boot="1",seq="0" {T0}'
    assert new.endswith(f" {T0 + 3000 * S + S // 100}")
    assert len(of("srs", sink.kept)) > 0
