"""The shipped recordings as the records their loggers would have sent."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_sim import recording
from firmware_sim.codec import Env, Shock

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"


def shock_of(folder: str, acc: str) -> Shock:
    """Return the one shock record of an accelerometer."""
    contents = [piece.content for piece in recording.read(RECORDINGS / folder)]
    (shock,) = [content for content in contents if isinstance(content, Shock) and content.acc == acc]
    return shock


def wave_of(shock: Shock) -> NDArray[np.float64]:
    """Return what a receiver makes of the record, (3, n) in g."""
    scale_g = np.array(shock.scale_g, dtype=np.float64)
    return np.asarray(shock.counts * scale_g[:, None], dtype=np.float64)


def test_ssx70065_comes_back_on_the_sensors_own_grid() -> None:
    """The values are multiples of 1/128 g, printed with five decimals: the counts restore them exactly."""
    shock = shock_of("ssx70065", "ch32")
    assert shock.scale_g == (1 / 128, 1 / 128, 1 / 128)
    assert (shock.fs_hz, shock.range_g, shock.counts.shape) == (3071.843, 16.0, (3, 37361))
    assert wave_of(shock)[1].max() == 11.3125


def test_ssx70065_has_a_baseline_that_gives_the_known_peaks() -> None:
    """With the quietest 0.1 s before the trigger removed, Y goes from -10.717 to +10.291 g."""
    shock = shock_of("ssx70065", "ch32")
    before = wave_of(shock)[:, : shock.pre]
    window = round(0.1 * shock.fs_hz)
    assert shock.pre >= window
    views = np.lib.stride_tricks.sliding_window_view(before, window, axis=1)
    static_g = before[:, (start := int(views.var(axis=2).sum(axis=0).argmin())) : start + window].mean(axis=1)
    dynamic_g = wave_of(shock)[1] - static_g[1]
    assert static_g[1] == pytest.approx(1.0216, abs=5e-4)
    assert (dynamic_g.min(), dynamic_g.max()) == (pytest.approx(-10.717, abs=1e-3), pytest.approx(10.291, abs=1e-3))


@pytest.mark.parametrize(
    ("folder", "acc"),
    [("endaq_test", "ch32"), ("endaq_test", "ch80"), ("handheld_test1", "ch8"), ("handheld_test1", "ch80")],
)
def test_a_wave_off_any_grid_is_within_half_a_count(folder: str, acc: str) -> None:
    """Each axis has a scale of its own: nothing is clipped, and no sample is off by more than half a count."""
    shock = shock_of(folder, acc)
    with gzip.open(RECORDINGS / folder / f"accel_{acc}.csv.gz", "rt") as file:
        wave_g = np.loadtxt(file, delimiter=",", skiprows=2).T[1:]
    half_g = np.array(shock.scale_g)[:, None] / 2 * (1 + 1e-9)
    assert (np.abs(wave_of(shock) - wave_g) <= half_g).all()
    assert np.abs(shock.counts.astype(int)).max() == 32766  # 32767 is a rail
    assert shock.pre >= round(0.1 * shock.fs_hz)


def test_times_of_the_file_come_back_to_the_microsecond() -> None:
    """t0 plus dt is the time in the file; values with one time share a row, the others are NaN."""
    pieces = [piece for piece in recording.read(RECORDINGS / "handheld_test1") if isinstance(piece.content, Env)]
    lines = (RECORDINGS / "handheld_test1" / "environment.csv").read_text(encoding="utf-8").splitlines()[1:]
    expected = {(line.split(",")[0], line.split(",")[1], line.split(",")[3]) for line in lines}
    names = {"humidity": "relative_humidity"}
    found = set()
    for piece in pieces:
        env = piece.content
        assert isinstance(env, Env)
        assert env.x.shape[0] <= 60
        times_us = piece.t0_us + np.asarray(env.dt_us)
        for row, column in np.argwhere(~np.isnan(env.x)):
            quantity, _, place = env.channels[column].partition(".")
            value = next(
                v for t, q, v in expected if t == f"{times_us[row] / 1e6:.6f}" and q.endswith(f"{quantity}_{place}")
            )
            assert env.x[row, column] == np.float32(value)
            found.add((f"{times_us[row] / 1e6:.6f}", f"{names.get(quantity, quantity)}_{place}", value))
    assert found == expected


def test_the_declared_interval_is_the_slowest_channels() -> None:
    """Ten rows a second from one sensor and one from the other: a gap is judged by the slower."""
    assert recording.interval_us(recording.read(RECORDINGS / "handheld_test1")) == pytest.approx(1_000_000, rel=0.01)
    assert recording.interval_us([]) == 1_000_000


def test_a_long_wave_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of a record there are several, each with its own first sample."""
    monkeypatch.setattr(recording, "MAX_EVENT_SAMPLES", 400)
    rows = "".join(f"{i / 1000:.6f},0.00000,0.00000,{1 + (i == 700)}.00000\n" for i in range(1000))
    with gzip.open(tmp_path / "accel_A1.csv.gz", "wt") as file:
        file.write("# nominal sample rate 1000.000 Hz\nt_s,x_g,y_g,z_g\n" + rows)
    pieces = recording.read(tmp_path)
    shocks = [piece.content for piece in pieces if isinstance(piece.content, Shock)]
    assert [piece.t0_us for piece in pieces] == [0, 400_000, 800_000]
    assert [shock.counts.shape[1] for shock in shocks] == [400, 400, 200]
    assert (shocks[1].pre, shocks[1].acc) == (300, "a1")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("environment.csv", b"t_s,quantity,unit,value\n1.0,lux_ch1,lx,5\n", r"environment.csv:2: .*lux_ch1"),
        ("environment.csv", b"t_s,quantity,unit,value\n1.0,pressure_ch1,hPa,5\n", r"environment.csv:2: .*'Pa'"),
        ("environment.csv", b"t_s,quantity,unit,value\n1.0,pressure_ch1,Pa\n", r"environment.csv:2: "),
        ("accel_a.csv.gz", b"not gzip", r"accel_a.csv.gz: "),
        ("accel_a.csv.gz", gzip.compress(b"", mtime=0), r"accel_a.csv.gz: "),
        ("accel_a.csv.gz", gzip.compress(b"t_s,x_g\n1,2\n", mtime=0), r"nominal sample rate"),
        (
            "accel_a.csv.gz",
            gzip.compress(b"# nominal sample rate 5 Hz\nt_s,x_g,y_g,z_g\n0,1,nan,3\n", mtime=0),
            r"finite",
        ),
    ],
)
def test_a_bad_file_is_one_error_that_names_it(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """File, line or column, and what was expected."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(recording.RecordingError, match=message):
        recording.read(tmp_path)


def test_a_folder_without_a_recording_is_an_error(tmp_path: Path) -> None:
    """There is nothing to send, which is not the same as a recording without values."""
    with pytest.raises(recording.RecordingError, match=r"expected a folder with environment\.csv"):
        recording.read(tmp_path)
