"""Recordings of real loggers into the journal: every value at its time, nothing twice, nothing half."""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest.importing import import_deliveries
from monitor.ingest.inbox import Delivery
from monitor.ingest.recording import BLOCK_ROWS, parse_recording, read_recording
from monitor.model.errors import TcmError
from monitor.model.record import Env, Shock
from monitor.replaying import replay_source
from monitor.wire import decode, parse_topic
from monitor.wire.cbor import MAX_SAMPLES
from tests.intakes import Bench, ManualClock, nothing

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
REAL = RECORDINGS / "ssx70065"
START = "2026-11-23T06:00:00Z"
START_NS = 1_795_413_600_000_000_000
CHANNELS = {"pressure_ch36": "pressure.ch36", "temperature_ch36": "temperature.ch36"}


def deliveries(name: str, content: bytes, start: str | None = START, logger: str = "L") -> list[Delivery]:
    """What an import would put into the journal."""
    return import_deliveries(name, content, "C", logger, start, ManualClock(), nothing)[0]


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def test_every_environment_value_comes_back_at_its_time() -> None:
    """Compared with the file read by other code: times to the microsecond, values as float32."""
    path = REAL / "environment.csv"
    expected = {
        (START_NS + 1000 * round(float(row["t_s"]) * 1_000_000), CHANNELS[row["quantity"]]): np.float32(row["value"])
        for row in csv.DictReader(text_of(path).splitlines())
    }
    found: dict[tuple[int, str], np.float32] = {}
    for each in deliveries(path.name, path.read_bytes()):
        message = decode(parse_topic(each.topic).kind, each.payload)
        assert isinstance(message, Env)
        for row, offset_ns in zip(message.values, message.offsets_ns.tolist(), strict=True):
            for channel, value in zip(message.channels, row, strict=True):
                if not math.isnan(value):
                    found[message.stamp.t0_ns + offset_ns, channel] = value
    assert len(expected) == 28
    assert found == expected


def test_every_acceleration_sample_comes_back() -> None:
    """Values to the file's last digit on the sensor's own grid, times by the nominal rate from the file's first."""
    path = REAL / "accel_ch32.csv.gz"
    table = np.loadtxt(text_of(path).splitlines(), delimiter=",", skiprows=2)
    (each,) = deliveries(path.name, path.read_bytes())
    message = decode("shock", each.payload)
    assert isinstance(message, Shock)
    assert np.abs(message.accel_g.T - table[:, 1:]).max() < 5.1e-6
    assert message.scale.tolist() == [0.0078125] * 3
    assert (message.accelerometer, message.fs_hz, message.samples) == ("ch32", 3071.843, len(table))
    assert message.stamp.t0_ns == START_NS + round(table[0, 0] * 1e6) * 1000
    assert message.offsets_ns.tolist() == [round(i * 1e9 / 3071.843) for i in range(len(table))]
    assert np.abs(message.offsets_ns / 1e9 - (table[:, 0] - table[0, 0])).max() < 0.002
    assert float(message.accel_g[1].max()) == 11.3125


@pytest.mark.parametrize(
    "path", sorted(RECORDINGS.glob("*/*.csv*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_every_real_file_is_taken_whole(path: Path) -> None:
    """As many readings and samples as the file has lines."""
    _, counts = import_deliveries(path.name, path.read_bytes(), "C", "L", START, ManualClock(), nothing)
    lines = text_of(path).splitlines()
    pieces = parse_recording(path.name, path.read_bytes())
    if path.name.startswith("accel"):
        assert (counts["events"], counts["readings"]) == (1, 0)
        assert sum(piece.size for piece in pieces) == len(lines) - 2
    else:
        assert counts["readings"] == len({line.split(",")[0] for line in lines[1:]})
        assert sum(np.isfinite(piece.content["values"]).sum() for piece in pieces) == len(lines) - 1


def test_the_same_file_twice_adds_nothing(tmp_path: Path) -> None:
    """Same boot, same seqs, same bytes: the second import is duplicates only; every one is acknowledged."""
    bench = Bench(tmp_path)
    freed: list[int] = []
    content = (REAL / "environment.csv").read_bytes()
    for _ in range(2):
        made, counts = import_deliveries(
            "environment.csv", content, "C", "L", START, bench.clock, lambda: freed.append(1)
        )
        bench.put(*made)
        while bench.intake.step():
            pass
        assert counts["records"] == len(made) == len(bench.stored())
    assert (bench.intake.duplicates, bench.intake.quarantined, len(freed)) == (len(made), 0, 2 * len(made))
    boots = {boot for _, boot, _ in bench.stored()}
    assert len(boots) == 1
    assert 0 <= boots.pop() < 2**53
    assert [seq for _, _, seq in bench.stored()] == list(range(len(made)))


@pytest.mark.parametrize(
    ("start", "logger", "old", "new"),
    [("2026-11-23T06:00:01Z", "L", "", ""), (START, "M", "", ""), (START, "L", "100634.00", "100635.00")],
)
def test_another_recording_is_another_boot(start: str, logger: str, old: str, new: str) -> None:
    """Another start, logger or value: neither doubles nor conflicts with the first."""
    content = text_of(REAL / "environment.csv")

    def boot_of(made: list[Delivery]) -> int:
        return decode("env", made[0].payload).stamp.boot

    first = deliveries("environment.csv", content.encode())
    assert boot_of(first) != boot_of(
        deliveries("environment.csv", content.replace(old, new, 1).encode(), start, logger)
    )


def test_an_import_comes_by_the_fill_topics() -> None:
    """It neither overtakes live records nor anchors a clock."""
    made = deliveries("environment.csv", (REAL / "environment.csv").read_bytes())
    assert {each.topic for each in made} == {"tcm/v1/C/L/up/fill/env"}
    assert not any(each.is_prompt or each.is_retained for each in made)


def test_long_files_become_several_records() -> None:
    """Blocks of 60 rows, events of at most 170 000 samples; together they are the file."""
    rows = "".join(f"{n},temperature_a,°C,{n % 50}\n" for n in range(2 * BLOCK_ROWS + 1))
    blocks = [decode("env", d.payload) for d in deliveries("e.csv", f"t_s,quantity,unit,value\n{rows}".encode())]
    assert [len(block.values) for block in blocks if isinstance(block, Env)] == [60, 60, 1]
    assert [(block.stamp.t0_ns - START_NS) // 10**9 for block in blocks] == [0, 60, 120]
    count = MAX_SAMPLES + 10
    samples = "".join(f"{n / 1000},0,0,{1 + n % 2}\n" for n in range(count))
    made = deliveries("accel_x.csv", f"# nominal sample rate 1000 Hz\nt_s,x_g,y_g,z_g\n{samples}".encode())
    events = [decode("shock", each.payload) for each in made]
    assert [event.samples for event in events if isinstance(event, Shock)] == [MAX_SAMPLES, 10]
    assert events[1].stamp.t0_ns - START_NS == MAX_SAMPLES * 10**6


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 10**12), st.sampled_from(["pressure_a", "temperature_B", "relative_humidity_c1"])),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        min_size=1,
        max_size=150,
    )
)
def test_any_environment_file_comes_back(values: dict[tuple[int, str], float]) -> None:
    """Whatever times and values, in whatever order the lines stand."""
    units = {"pressure_a": "Pa", "temperature_B": "°C", "relative_humidity_c1": "RH"}
    names = {"pressure_a": "pressure.a", "temperature_B": "temperature.b", "relative_humidity_c1": "humidity.c1"}
    lines = [f"{t // 10**6}.{t % 10**6:06d},{name},{units[name]},{value!r}" for (t, name), value in values.items()]
    found: dict[tuple[int, str], float] = {}
    for each in deliveries("e.csv", "\n".join(["t_s,quantity,unit,value", *lines]).encode()):
        message = decode("env", each.payload)
        assert isinstance(message, Env)
        for row, offset_ns in zip(message.values.tolist(), message.offsets_ns.tolist(), strict=True):
            at_us = (message.stamp.t0_ns + offset_ns - START_NS) // 1000
            found |= {
                (at_us, channel): v for channel, v in zip(message.channels, row, strict=True) if not math.isnan(v)
            }
    assert found == {(t, names[name]): value for (t, name), value in values.items()}


ENV = "t_s,quantity,unit,value\n0,pressure_a,Pa,1\n"
ACCEL = "# nominal sample rate 100 Hz\nt_s,x_g,y_g,z_g\n0,0,0,1\n0.01,0,0,1\n"
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "empty": ("e.csv", b"", r"e\.csv:1: expected the line"),
    "another header": ("e.csv", b"time,value\n1,2\n", r"e\.csv:1: expected the line"),
    "too few columns": ("e.csv", (ENV + "1,pressure_a,Pa\n").encode(), r"e\.csv:3: expected t_s,quantity,unit,value"),
    "unknown quantity": ("e.csv", (ENV + "1,noise_a,dB,3\n").encode(), r"e\.csv:3: .*one of pressure, temperature"),
    "wrong unit": ("e.csv", (ENV + "1,pressure_a,hPa,3\n").encode(), r"e\.csv:3: .*unit 'hPa', expected 'Pa'"),
    "no number": ("e.csv", (ENV * 1 + "2,pressure_a,Pa,4\n1,pressure_a,Pa,x\n").encode(), r"e\.csv:4: .*'x'"),
    "time is no number": ("e.csv", (ENV + "nan,pressure_a,Pa,3\n").encode(), r"e\.csv:3: "),
    "infinite time": ("e.csv", (ENV + "inf,pressure_a,Pa,3\n").encode(), r"e\.csv:3: "),
    "huge time": ("e.csv", (ENV + "1e300,pressure_a,Pa,3\n").encode(), r"e\.csv:3: .*1e300 s"),
    "not UTF-8": ("e.csv", ENV.encode() + b"1,temperature_a,\xb0C,3\n", r"e\.csv: expected UTF-8"),
    "no rate": ("a.csv", ACCEL.replace("100", "fast").encode(), r"a\.csv:1: expected '# nominal sample rate"),
    "rate of two dots": ("a.csv", ACCEL.replace("100", "1.0.0").encode(), r"a\.csv:1: expected a positive sample rate"),
    "rate of zero": ("a.csv", ACCEL.replace("100", "0").encode(), r"a\.csv:1: expected a positive sample rate"),
    "no samples": ("a.csv", "\n".join(ACCEL.splitlines()[:2]).encode(), r"a\.csv:1: "),
    "blank samples": ("a.csv", ("\n".join(ACCEL.splitlines()[:2]) + "\n\n\n").encode(), r"a\.csv:3: "),
    "sample is no number": ("a.csv", (ACCEL + "0.02,0,?,1\n").encode(), r"a\.csv:5: .*four finite numbers"),
    "sample of three": ("a.csv", (ACCEL + "0.02,0,1\n").encode(), r"a\.csv:5: .*four finite numbers"),
    "infinite sample": ("a.csv", (ACCEL + "0.02,0,inf,1\n").encode(), r"a\.csv:5: .*four finite numbers"),
    "infinite start": ("a.csv", ACCEL.replace("0,0,0,1", "1e300,0,0,1", 1).encode(), r"a\.csv:3: .*finite"),
    "cut gzip": ("a.csv.gz", gzip.compress(ACCEL.encode(), mtime=0)[:-9], r"a\.csv\.gz: damaged gzip"),
    "broken gzip": ("a.csv.gz", b"\x1f\x8b" + bytes(40), r"a\.csv\.gz: damaged gzip"),
    "65 channels": (
        "e.csv",
        ("t_s,quantity,unit,value\n" + "".join(f"0,pressure_{n},Pa,1\n" for n in range(65))).encode(),
        r"^import: e\.csv: ch: expected a list of 1 to 64",
    ),
    "no readings": ("e.csv", ENV.splitlines()[0].encode(), r"e\.csv: expected readings"),
    "negative time": ("e.csv", (ENV + "-1,pressure_a,Pa,3\n").encode(), r"e\.csv:3: .*-1 s"),
    "infinite value": ("e.csv", (ENV + "1,pressure_a,Pa,inf\n").encode(), r"e\.csv:3: .*finite value"),
    "a long name": ("n" * 200 + ".csv", ACCEL.encode(), r"^import: n+\.csv: acc: expected"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:loadtxt. input contained no data")  # NumPy's own word, before our error
@pytest.mark.parametrize(("name", "content", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_one_error_that_says_where(name: str, content: bytes, message: str) -> None:
    """File and line, and what was expected; nothing is imported."""
    with pytest.raises(TcmError, match=message):
        deliveries(name, content)


@pytest.mark.parametrize(
    "start", ["yesterday", "2026-11-23T06:00:00", "", "1903-01-01T00:00:00Z", "2262-12-31T00:00:00Z"]
)
def test_a_start_that_is_no_usable_time_is_refused(start: str) -> None:
    """No time, no zone, before 1970 or beyond 63 bits of ns."""
    with pytest.raises(TcmError, match=r"^import: "):
        deliveries("e.csv", ENV.encode(), start)


@pytest.mark.parametrize(("container", "logger"), [("C 1", "L"), ("C", ""), ("C", "a/b"), ("+", "L"), ("C", "L" * 65)])
def test_names_are_identifiers(container: str, logger: str) -> None:
    """They become topics."""
    with pytest.raises(TcmError, match="expected an identifier"):
        import_deliveries("e.csv", ENV.encode(), container, logger, START, ManualClock(), nothing)


def test_a_gzip_that_opens_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read no further than the limit."""
    monkeypatch.setattr("monitor.ingest.csv_text.MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(TcmError, match="expected at most 1048576 bytes unpacked"):
        parse_recording("a.csv.gz", gzip.compress(bytes(1 << 21)))


def test_a_folder_is_read_in_order_of_time_and_names_what_it_lacks(tmp_path: Path) -> None:
    """All its files, nothing else; an empty one is an error."""
    pieces = read_recording(REAL)
    assert [piece.kind for piece in pieces] == ["shock", "env"]
    assert [piece.t0_us for piece in pieces] == sorted(piece.t0_us for piece in pieces)
    with pytest.raises(TcmError, match=r"expected environment\.csv or accel_<name>\.csv\.gz in the folder"):
        read_recording(tmp_path)
    with pytest.raises(TcmError, match="nothing"):
        read_recording(tmp_path / "nothing")


def test_a_recording_replays_under_limits(tmp_path: Path) -> None:
    """The real shock on Y crosses 3 g and not 50 g; readings and events are counted."""
    totals = {}
    for peak in (3, 50):
        file = tmp_path / f"{peak}.toml"
        file.write_text(
            f'name = "p"\n[[rule]]\nid = "y"\nkind = "shock"\naxis = "y"\npeak = "{peak} g"\nseverity = "alarm"\n',
            encoding="utf-8",
        )
        answer = replay_source(REAL, file, lambda _done, _all: None)
        totals[peak] = answer["totals"]
        assert (answer["readings"], answer["events"]) == (14, 1)
        assert json.loads(json.dumps(answer)) == answer
    assert totals == {3: {"y": 1}, 50: {}}
