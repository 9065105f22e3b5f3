"""`tcm shock` on recordings, CSV or IDE: cut into events where they are sound, refused where they are not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.ingest.acceleration import logger_of, read_accelerations
from monitor.ingest.ide import read_ide
from monitor.model.clock import parse_rfc3339
from tests.ide import BEGAN_S, write_ide
from tests.knocks import FS_HZ, half_sine
from tests.messages import S
from tests.shock_commands import RECORDING, Tcm, listed, shock_command


@pytest.fixture
def tcm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tcm:
    """`tcm shock` with these arguments: exit status, standard output, standard error."""
    return shock_command(monkeypatch, capsys)


def test_a_recording_is_cut_into_events(tcm: Tcm) -> None:
    """The strongest of this one is -10.717 g on y, raw +11.3125 g, as measured on it; without a name it is shown."""
    rows = listed(tcm, RECORDING)
    assert [row["event"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
    strongest = max(rows, key=lambda row: row["resultant_g"])
    assert strongest["peak_g"] == pytest.approx(-10.717, abs=0.002)
    assert strongest["peak_raw_g"] == 11.3125
    code, out, _ = tcm("show", RECORDING, "--json")
    assert code == 0
    assert {key: value for key, value in json.loads(out).items() if key in strongest} == strongest


def write_csv(path: Path, accel_g: NDArray[np.float64], fs_hz: float = FS_HZ, times_s: Any = None) -> Path:
    """A recording as `tcm import` takes it."""
    times_s = np.arange(accel_g.shape[1]) / fs_hz if times_s is None else times_s
    rows = "\n".join(",".join(f"{value:.6f}" for value in row) for row in np.vstack((times_s, accel_g)).T)
    path.write_text(f"# nominal sample rate {fs_hz:.3f} Hz\nt_s,x_g,y_g,z_g\n{rows}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "accel_a.csv:1: expected '# nominal sample rate"),
        ("# nominal sample rate 0 Hz\nt_s,x_g,y_g,z_g\n0,0,0,1\n", "expected a positive sample rate, got 0"),
        ("# nominal sample rate 100 Hz\nt_s,x_g,y_g,z_g\n", "then samples"),
        ("# nominal sample rate 100 Hz\nt_s,x_g,y_g,z_g\n0,0,0\n", "expected four finite numbers"),
        ("# nominal sample rate 100 Hz\nt_s,x_g,y_g,z_g\n0,0,0,nan\n", "expected four finite numbers"),
        ("# nominal sample rate 100 Hz\nt_s,x_g,y_g,z_g\n0,0,0,1\n1,0,0,1\n2,0,0,1\n", "the times are 1 s apart"),
        ("# nominal sample rate 100 Hz\nt_s,x_g,y_g,z_g\n2,0,0,1\n1,0,0,1\n0,0,0,1\n", "the times are -1 s apart"),
        ("t_s,quantity,unit,value\n0,pressure_a,Pa,1\n", "expected '# nominal sample rate"),
    ],
)
def test_a_file_that_is_no_acceleration_is_refused(tcm: Tcm, tmp_path: Path, content: str, message: str) -> None:
    """Never a number that only looks right."""
    file = tmp_path / "accel_a.csv"
    file.write_text(content, encoding="utf-8")
    code, out, err = tcm("list", file)
    assert (code, out) == (2, "")
    assert message in err


def test_a_recording_with_a_pause_is_two_stretches(tcm: Tcm, tmp_path: Path) -> None:
    """A spectrum over samples that are not there would be one of nothing."""
    accel_g = half_sine(5.0)
    times_s = np.arange(600) / FS_HZ + np.where(np.arange(600) < 200, 0.0, 2.0)
    file = write_csv(tmp_path / "accel_a.csv", accel_g, times_s=times_s)
    first, second = read_accelerations(file)
    assert [first.accel_g.shape[1], second.accel_g.shape[1]] == [200, 400]
    assert second.start_s == pytest.approx(2.1)
    (row,) = listed(tcm, file)
    assert row["offset_s"] == pytest.approx(2.15, abs=0.002)


def test_an_ide_file_says_the_same_as_its_csv(tcm: Tcm, tmp_path: Path) -> None:
    """Axes by name and not by place, g by the file's own calibration, the rate and the time out of the file."""
    with gzip.open(RECORDING / "accel_ch32.csv.gz") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=2)
    write_ide(tmp_path / "SSX.IDE", table[:, 1:].T, 3071.843)
    (acceleration,) = read_ide(tmp_path / "SSX.IDE")
    assert acceleration.fs_hz == pytest.approx(3071.843, rel=1e-6)
    assert acceleration.accel_g == pytest.approx(table[:, 1:].T, abs=100 / 32_768)
    of_csv, of_ide = listed(tcm, RECORDING), listed(tcm, tmp_path / "SSX.IDE")
    strongest = [max(rows, key=lambda row: row["resultant_g"]) for rows in (of_csv, of_ide)]
    assert strongest[1]["peak_g"] == pytest.approx(strongest[0]["peak_g"], abs=100 / 32_768)
    began_ns = parse_rfc3339(strongest[1]["at"]) - round(strongest[1]["offset_s"] * 1e9)
    assert began_ns == pytest.approx(BEGAN_S * S, abs=2000)


def test_an_ide_file_with_a_pause_is_two_stretches(tmp_path: Path) -> None:
    """As in CSV."""
    write_ide(tmp_path / "a.ide", np.zeros((3, 5000)), 1000.0, pause_at=2000)
    first, second = read_ide(tmp_path / "a.ide")
    assert (first.start_s, second.start_s) == pytest.approx((0.0, 3.0))
    assert first.accel_g == pytest.approx(0.0, abs=1e-9)


def test_an_ide_file_that_cannot_be_used_is_refused(tcm: Tcm, tmp_path: Path) -> None:
    """Damage, text, another unit, two axes only: one error that says what was expected."""
    file = tmp_path / "a.IDE"
    write_ide(file, half_sine(5.0), FS_HZ)
    whole = file.read_bytes()
    for content in (b"", b"no such thing\n" * 100, whole[: len(whole) // 2]):
        file.write_bytes(content)
        code, out, err = tcm("list", file)
        assert (code, out) == (2, "")
        assert "no .IDE file" in err
    write_ide(file, half_sine(5.0), FS_HZ, units="m/s\u00b2")
    assert "expected an accelerometer with the axes X, Y and Z in g" in tcm("list", file)[2]
    write_ide(file, half_sine(5.0), FS_HZ, axes="XY")
    assert "expected an accelerometer with the axes X, Y and Z in g" in tcm("list", file)[2]


def test_a_recording_keeps_the_dots_of_its_name(tcm: Tcm, tmp_path: Path) -> None:
    """Only the ending goes."""
    for name, logger in (("accel_drop-0.25.csv", "accel_drop-0.25"), ("a.b.IDE", "a.b"), ("run-1.5", "run-1.5")):
        assert logger_of(tmp_path / name) == logger


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table[0].__setitem__(300, 0.0), "expected times that grow"),
        (lambda table: table[1].__setitem__(300, 2e6), "accelerations up to 1e+06 g"),
    ],
)
def test_a_sample_that_cannot_be_is_refused_before_anything_is_printed(
    tcm: Tcm, tmp_path: Path, spoil: Callable[[NDArray[np.float64]], None], message: str
) -> None:
    """Also where another file of the folder is sound: half a list is none, and half a JSON document neither."""
    write_csv(tmp_path / "accel_a.csv", half_sine(5.0))
    table = np.vstack((np.arange(600) / FS_HZ, half_sine(5.0)))
    spoil(table)
    write_csv(tmp_path / "accel_b.csv", table[1:], times_s=table[0])
    for form in ((), ("--json",)):
        code, out, err = tcm("list", tmp_path, *form)
        assert (code, out) == (2, "")
        assert message in err
