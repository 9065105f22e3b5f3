"""What the store makes of readings, statuses, events and alerts: which points, when, and none of a stale will."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import Usable
from monitor.journal.statuses import is_stale_will, last_status
from monitor.model.clock import rfc3339
from monitor.model.record import Status
from monitor.telemetry import StateReader
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stores import RULES, Bench, Ledger, of, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal under RULES."""
    return Bench(tmp_path)


def test_every_reading_becomes_one_line(bench: Bench) -> None:
    """Field names of the schema, the fewest digits of a float32, ns of the logger."""
    bench.append(arrival("env", env(0, values=[[20.3, 40.0], [math.nan, 41.0]])))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert sorted(line for line in sink.kept if line.startswith("env,")) == [
        f"env,container=C,logger=L humidity_air_pct=41.0 {T0 + 10 * S}",
        f"env,container=C,logger=L temperature_air_c=20.3,humidity_air_pct=40.0 {T0}",
    ]
    assert (store.pos, store.is_caught_up, store.problem) == (2, True, "")


def test_a_block_of_nan_and_unknown_channels_stop_nothing(bench: Bench) -> None:
    """They give no line, the cursor passes them, and known neighbours are written."""
    bench.append(
        arrival("env", env(0, values=[[math.nan]])),
        arrival("env", env(1, ch=["mystery"], values=[[1.0]])),
        arrival("env", env(2, values=[[20.0, 40.0, 7.0]])),
        arrival("env", env(3, ch=["no dot", "temperature.", "Temperature.air"], values=[[1.0, 2.0, 3.0]])),
    )
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    derived = (
        f"derived,container=C,logger=L dew_point_air_c=5.98042,absolute_humidity_air_g_m3=6.896464 {T0 + 2000 * S}"
    )
    readings = f"env,container=C,logger=L temperature_air_c=20.0,humidity_air_pct=40.0 {T0 + 2000 * S}"
    assert sink.kept == [derived, readings]
    assert store.is_caught_up
    assert bench.refused() == []


def test_a_status_becomes_a_point_of_measurement_logger(bench: Bench) -> None:
    """At its receipt; what it leaves out is left out."""
    bench.append(
        arrival("status", status(armed=True, bat_pct=87.5, mem_pct=3.0), 1000),
        arrival("status", status(state="offline", clk=0), 2000),
    )
    sink = Ledger()
    run(bench.store(sink))
    assert of("logger", sink.kept) == [
        "logger,container=C,logger=L online=true,armed=true,battery_pct=87.5,memory_pct=3.0,clock=2.0 1000",
        "logger,container=C,logger=L online=false,clock=0.0 2000",
    ]


def fields_of(text: str) -> dict[str, str]:
    """The fields of a line without blanks in them."""
    return dict(pair.split("=") for pair in text.split(" ")[1].split(","))


def test_an_event_becomes_its_wave_and_one_analysed_point(bench: Bench) -> None:
    """`shock_wave` has each sample on sensor axes, `shock` and `srs` what they say at the trigger sample."""
    bench.append(arrival("shock", shock(3, boot=2**53 - 1)))
    sink = Ledger()
    run(bench.store(sink))
    start_ns = T0 + 3000 * S
    tags = "container=C,logger=L,sensor=a"
    assert of("shock_wave", sink.kept) == [
        f"shock_wave,{tags} x_g={x},y_g={y},z_g=1.0 {start_ns + n * S // 100}"
        for n, (x, y) in enumerate([("0.0", "0.0"), ("7.03125", "-0.0703125"), ("0.078125", "0.0")])
    ]
    (point,) = of("shock", sink.kept)
    assert point.startswith(f"shock,{tags} ")
    assert point.endswith(f" {start_ns + S // 100}")
    fields = fields_of(point)
    wanted = {
        "peak_g",
        "peak_raw_g",
        "peak_x_g",
        "peak_y_g",
        "peak_z_g",
        "resultant_g",
        "duration_ms",
        "delta_v_m_s",
        "srs_peak_g",
        "srs_peak_hz",
        "valid",
        "kind",
        "boot",
        "seq",
    }
    assert wanted <= set(fields)
    assert (fields["boot"], fields["seq"], fields["peak_g"]) == ('"9007199254740991"', '"3"', "7.03125")
    assert fields["valid"] in ("true", "false")
    frequencies_hz = ["5", "6.3", "7.937", "10", "12.6", "15.87", "20", "25.2", "31.75", "40"]
    for spectrum_point, hz in zip(of("srs", sink.kept), frequencies_hz, strict=True):
        assert spectrum_point.startswith(f"srs,{tags},freq_hz={hz} accel_g=")
        assert spectrum_point.endswith(f" {start_ns + S // 100}")


def test_each_change_of_an_alert_is_a_point_at_its_time(bench: Bench) -> None:
    """Firing at the reading that fired, cleared at the one that cleared."""
    bench.append(arrival("env", env(0, values=[[20.0], [25.5], [24.0]])))
    sink = Ledger()
    run(bench.store(sink))
    (alert,) = bench.results.book.alerts()
    firing, cleared = of("alert", sink.kept)
    head = "alert,container=C,logger=L,channel=temperature.air,rule=hot,severity=alarm "
    for text, state, after_s in ((firing, "firing", 10), (cleared, "cleared", 20)):
        assert text.startswith(f'{head}state="{state}",value=25.5,limit=25.0,alert_id="{alert["id"]}",message="C L: ')
        assert text.endswith(f" {T0 + after_s * S}")
    assert rfc3339(T0 + 20 * S) == alert["cleared_at"]


def said(boot: int, state: str) -> Usable:
    return arrival("status", status(boot, state=state), boot * S)


@pytest.mark.parametrize(
    ("told", "present", "written"),
    [
        (((1, "online"), (1, "offline")), (1, "offline"), (1, 1)),
        (((1, "offline"),), (1, "offline"), (1,)),
        (((1, "online"), (2, "online"), (1, "offline")), (2, "online"), (1, 2)),
        (((1, "online"), (2, "online"), (1, "offline"), (1, "offline")), (2, "online"), (1, 2)),
        (((1, "online"), (2, "sleeping"), (1, "offline"), (2, "offline")), (2, "offline"), (1, 2, 2)),
        (((1, "online"), (2, "online"), (2, "offline"), (1, "offline")), (2, "offline"), (1, 2, 2)),
        (((2, "offline"), (1, "online"), (2, "offline"), (2, "online"), (2, "offline")), (2, "offline"), (2, 1, 2, 2)),
    ],
)
def test_a_stale_will_says_nothing(
    bench: Bench, told: tuple[tuple[int, str], ...], present: tuple[int, str], written: tuple[int, ...]
) -> None:
    """The broker notices a dead connection long after its logger has begun anew: neither store nor status follows."""
    bench.append(*(said(boot, state) for boot, state in told))
    sink = Ledger()
    run(bench.store(sink))
    assert [int(text.rpartition(" ")[2]) // S for text in of("logger", sink.kept)] == list(written)
    last = last_status(bench.reader, "L")
    assert last is not None
    assert (last.stamp.boot, last.state) == present
    state = StateReader(bench.folder)
    assert [row["state"] for row in state.document(RULES, 0)["loggers"]] == [present[1]]
    state.close()


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["online", "sleeping", *["offline"] * 18])), max_size=60))
@settings(max_examples=60)
def test_store_and_status_agree_on_every_will(told: list[tuple[int, str]]) -> None:
    """The present state is that of the last status that is no stale will, also behind more wills than anyone counts."""
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        expected = None
        for boot, state in told:
            arrived = said(boot, state)
            bench.append(arrived)
            assert isinstance(arrived.message, Status)
            if not is_stale_will(bench.reader, bench.journal.pos, "L", arrived.message):
                expected = arrived.message
            assert last_status(bench.reader, "L") == expected
        for part in (bench.reader, bench.results, bench.watch, bench.journal):
            part.close()


def test_without_a_synchronised_clock_points_stand_at_the_anchor(bench: Bench) -> None:
    """`mono` plus the anchor and less than a microsecond, by which two boots never meet; marked, and not before."""
    bench.append(arrival("env", env(0, clk=0, mono=5 * S, t0=0), 1000 * S))
    bench.append(arrival("shock", shock(1, clk=1, mono=7 * S, t0=0), 1001 * S), arrival("env", env(2)))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert len(sink.kept) == 2
    assert [text.split(" ")[2] for text in sink.kept] == [str(T0 + 2000 * S), str(T0 + 2010 * S)]
    bench.append(arrival("env", env(3, mono=15 * S), 1009 * S, is_prompt=True))
    run(store)
    start_ns, event_ns = (
        at_s * S + zlib.crc32(struct.pack(">QQ", 1, seq)) % 1000 for at_s, seq in ((999, 0), (1001, 1))
    )
    assert of("logger", sink.kept) == [
        f"logger,container=C,logger=L clock=0.0 {start_ns}",
        f"logger,container=C,logger=L clock=1.0 {event_ns}",
    ]
    assert [text for text in of("env", sink.kept) if text.endswith(str(start_ns + 10 * S))]
    assert of("shock_wave", sink.kept)[1].endswith(str(event_ns + S // 100))
    assert of("shock", sink.kept)[0].endswith(str(event_ns + S // 100))
