"""`tcm shock srs` and `--plot`: spectra with the values that are known of them, and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.knocks import HALF_SINE_S
from tests.shock_commands import RECORDING, Tcm, judged_station, shock_command
from tests.stations import Station


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A journal with three events, judged: 5 g and 20 g of logger L, 4 g of logger M."""
    return judged_station(tmp_path)


@pytest.fixture
def tcm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tcm:
    """`tcm shock` with these arguments: exit status, standard output, standard error."""
    return shock_command(monkeypatch, capsys)


def test_the_spectrum_is_flagged_where_it_is_not_sure(tcm: Tcm, station: Station) -> None:
    """Above the sensor's own low-pass of 60 Hz, as its logger declared; of logger M nobody did: fs / 10."""
    _, out, _ = tcm("srs", "L/1/0", station.folder)
    rows = [line for line in out.splitlines()[3:] if not line.startswith("*")]
    assert all(row.endswith("*") == (float(row.split()[0]) > 60) for row in rows)
    assert max(map(len, out.splitlines())) <= 80
    assert json.loads(tcm("srs", "M/1/0", station.folder, "--json")[1])["sure_hz"] == [0.0, 200.0]


def test_the_spectrum_of_a_half_sine_has_its_known_largest_response(tcm: Tcm, station: Station) -> None:
    """1.652 times the peak at Q 10, near f tau = 0.82 (computed; every textbook draws it)."""
    document = json.loads(tcm("srs", "M/1/0", station.folder, "--per-octave", "24", "--json")[1])
    maximax, frequencies_hz = document["axes"]["z"]["maximax"], document["frequencies_hz"]
    assert max(maximax) == pytest.approx(1.652 * 4.0, rel=0.02)
    assert frequencies_hz[int(np.argmax(maximax))] * HALF_SINE_S == pytest.approx(0.82, rel=0.05)
    assert np.maximum(document["axes"]["z"]["positive"], document["axes"]["z"]["negative"]).tolist() == maximax
    assert np.maximum(document["axes"]["z"]["primary"], document["axes"]["z"]["residual"]).tolist() == maximax


def test_pseudo_velocity_is_displacement_times_angular_frequency(tcm: Tcm, station: Station) -> None:
    """Displacement in mm, pseudo-velocity in m/s."""
    by = {
        of: json.loads(tcm("srs", "M/1/0", station.folder, "--response", of, "--json")[1])
        for of in ("displacement", "pseudo-velocity")
    }
    omega = 2 * np.pi * np.array(by["displacement"]["frequencies_hz"])
    expected = np.array(by["displacement"]["axes"]["z"]["maximax"]) * 1e-3 * omega
    assert by["pseudo-velocity"]["axes"]["z"]["maximax"] == pytest.approx(expected.tolist(), rel=1e-5)
    assert [by[of]["unit"] for of in by] == ["mm", "m/s"]


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_pictures_are_drawn_and_are_the_same_each_time(tcm: Tcm, station: Station, tmp_path: Path, ending: str) -> None:
    """Waveform, spectrum with its envelope, damage boundary; nothing else is left beside them."""
    folder = tmp_path / "plots"
    folder.mkdir()
    first, second, spectrum = (folder / f"{name}.{ending}" for name in ("first", "second", "spectrum"))
    assert tcm("show", "L/1/2", station.folder, "--plot", first)[0] == 0
    assert tcm("show", "L/1/2", station.folder, "--plot", second)[0] == 0
    assert tcm("srs", "L/1/2", station.folder, "--plot", spectrum)[0] == 0
    assert first.read_bytes() == second.read_bytes()
    assert {path.name for path in folder.iterdir()} == {first.name, second.name, spectrum.name}
    if ending == "svg":
        text = first.read_text(encoding="utf-8")
        assert all(word in text for word in ("C/L/1/2", "main pulse", "limit envelope", "limit boundary", "trigger"))
        assert "limit envelope" in spectrum.read_text(encoding="utf-8")


def test_density_and_vibration_response_agree_with_grms(tcm: Tcm, station: Station) -> None:
    """The density's area is the mean square; a stiff oscillator feels what its base does."""
    density = json.loads(tcm("srs", RECORDING, "--response", "psd", "--from-hz", "0.5", "--to-hz", "1535", "--json")[1])
    step_hz = density["frequencies_hz"][1] - density["frequencies_hz"][0]
    assert density["unit"] == "g2/Hz"
    assert np.sqrt(sum(density["axes"]["y"]["psd"]) * step_hz) == pytest.approx(
        density["grms_g"]["y"], rel=0.1
    )  # ends weigh less
    felt = json.loads(tcm("srs", RECORDING, "--response", "vrs", "--from-hz", "1500", "--to-hz", "1500", "--json")[1])
    assert felt["axes"]["y"]["vrs"][0] == pytest.approx(density["grms_g"]["y"], rel=0.1)
