"""`tcm shock`: events out of journals and recordings, and one clear error for whatever cannot be used."""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.cli import main
from monitor.ingest.acceleration import logger_of, read_accelerations
from monitor.ingest.ide import read_ide
from monitor.model.clock import parse_rfc3339, rfc3339
from monitor.replaying import replay_source
from tests.ide import BEGAN_S, write_ide
from tests.journals import arrival
from tests.knocks import FS_HZ, HALF_SINE_S, JOLT, event, half_sine
from tests.messages import T0, S, env, matrix, status
from tests.stations import Station, rules

BOUNDARY = {
    "id": "boundary",
    "kind": "shock",
    "damage_boundary": {"acceleration": "15 g", "velocity_change": "0.1 m/s"},
    "severity": "alarm",
}
ENVELOPE = {"id": "envelope", "kind": "shock", "srs": [["10 Hz", "1 g"], ["400 Hz", "30 g"]], "severity": "alarm"}
RECORDING = Path("tests/data/recordings/ssx70065")


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A journal with three events, judged: 5 g and 20 g of logger L, 4 g of logger M."""
    made = Station(tmp_path / "var", rules(JOLT, BOUNDARY, ENVELOPE))
    made.run(
        arrival("status", status(accs={"a": {"fs": FS_HZ, "lp_hz": 60.0}}), T0),
        *(event(0, 5.0), arrival("env", env(1), T0 + S), event(2, 20.0), event(0, 4.0, "M")),
    )
    return made


Tcm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tcm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Tcm]:
    """`tcm shock` with these arguments: exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tcm", "shock", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    monkeypatch.setenv("COLUMNS", "80")
    yield run


def listed(tcm: Tcm, *arguments: object) -> list[dict[str, Any]]:
    """The events that `tcm shock list --json` tells of."""
    code, out, _ = tcm("list", *arguments, "--json")
    assert code == 0
    rows: list[dict[str, Any]] = json.loads(out)["events"]
    return rows


def test_the_list_tells_of_every_event_of_a_journal(tcm: Tcm, station: Station) -> None:
    """What the engineer asks first: which, when, how strong, how far from damage."""
    rows = listed(tcm, station.folder)
    assert [row["event"] for row in rows] == ["C/L/1/0", "C/L/1/2", "C/M/1/0"]
    assert [row["peak_g"] for row in rows] == pytest.approx([5.0, 20.0, 4.0], abs=0.02)
    assert {row["peak_axis"] for row in rows} == {"z"}
    assert rows[0]["at"] == rfc3339(T0 + 150 * S // 1000)
    assert rows[0]["delta_v_m_s"] == pytest.approx(2 / np.pi * 5 * 9.80665 * HALF_SINE_S, rel=0.01)
    assert rows[0]["damage_margin"] == pytest.approx(3.0, rel=0.01)  # 15 g / 5 g: its velocity change is beyond


def test_a_list_for_people_has_lines_of_80_columns_and_no_colour(tcm: Tcm, station: Station) -> None:
    """Nothing is folded on a terminal of the usual width, nothing but text goes into a pipe."""
    code, out, _ = tcm("list", station.folder)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert out.endswith("3 events\n")


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (("--container", "C"), ["C/L/1/0", "C/L/1/2", "C/M/1/0"]),
        (("--container", "D"), []),
        (("--logger", "M"), ["C/M/1/0"]),
        (("--kind", "free-fall"), []),
        (("--from", rfc3339(T0 + 1000 * S)), ["C/L/1/2"]),
        (("--to", rfc3339(T0 + 1000 * S)), ["C/L/1/0", "C/M/1/0"]),
        (("--from", rfc3339(T0 + 150 * S // 1000), "--to", rfc3339(T0 + 150 * S // 1000)), []),
    ],
)
def test_filters_leave_out_all_others(tcm: Tcm, station: Station, filters: tuple[str, ...], names: list[str]) -> None:
    """`--from` is included, `--to` is not: two lists of following times share no event."""
    assert [row["event"] for row in listed(tcm, station.folder, *filters)] == names


def test_what_is_shown_of_an_event_is_what_its_alert_and_the_store_say(tcm: Tcm, station: Station) -> None:
    """One analysis, whoever asks: the value, limit and margin of each alert, and the fields of measurement `shock`."""
    alerts = [alert for alert in station.alerts() if alert["evidence"]["seq"] == 2]
    assert {alert["rule"] for alert in alerts} == {"jolt", "boundary", "envelope"}
    shown = json.loads(tcm("show", "C/L/1/2", station.folder, "--json")[1])
    margins = {margin["rule"]: margin for margin in shown["margins"]}
    for alert in alerts:
        margin = margins[alert["rule"]]
        assert margin["verdict"] == "beyond"
        for key in ("value", "limit", "margin"):
            assert margin[key] == pytest.approx(alert[key], rel=1e-6), (alert["rule"], key)
    stored = {key: float(value.split("(")[-1].rstrip(")")) for key, value in _stored(station, 2).items()}
    assert len(stored) > 8
    for key, value in stored.items():
        assert shown[key] == pytest.approx(value, rel=1e-6), key


def _stored(station: Station, seq: int) -> dict[str, str]:
    """The numbers of measurement `shock` as the store is to have them."""
    points = station.outcome()[2]
    rows = [values for (_, of, tags, _), values in points if of == "shock" and ("logger", "L") in tags]
    values = next(row for row in rows if row["seq"] == repr(str(seq)))
    texts = ("valid", "kind", "boot", "seq")
    return {key: value for key, value in values.items() if key not in texts and "nan" not in value}


@pytest.mark.parametrize("name", ["C/L/1/2", "L/1/2"])
def test_an_event_has_its_name_with_and_without_container(tcm: Tcm, station: Station, name: str) -> None:
    """A logger's name is unique within a gateway."""
    code, out, _ = tcm("show", name, station.folder)
    assert code == 0
    assert out.startswith("event      C/L/1/2\n")
    assert max(map(len, out.splitlines())) <= 80


def test_the_id_of_an_alert_names_its_event(tcm: Tcm, station: Station) -> None:
    """From the message on a phone to the waveform in one step."""
    alert = next(alert for alert in station.alerts() if alert["rule"] == "boundary")
    code, out, _ = tcm("show", alert["id"], station.folder)
    assert code == 0
    assert out.startswith("event      C/L/1/2\n")


def test_other_limits_may_be_held_against_an_event(tcm: Tcm, station: Station, tmp_path: Path) -> None:
    """A rule that did not watch in the phase of the event is shown as such, with its margin all the same."""
    limits = tmp_path / "other.toml"
    limits.write_text(
        'name = "other"\n[[rule]]\nid = "two"\nkind = "shock"\npeak = "2 g"\naxis = "z"\nseverity = "warning"\n'
        'phases = ["road"]\n',
        encoding="utf-8",
    )
    code, out, _ = tcm("show", "L/1/0", station.folder, "--limits", limits, "--json")
    assert code == 0
    (margin,) = json.loads(out)["margins"]
    assert margin["margin"] == pytest.approx(0.4, rel=0.01)
    assert (margin["verdict"], margin["in_phase"]) == ("beyond", False)


def test_an_event_whose_time_nobody_knows_yet_is_listed_without_one(tcm: Tcm, tmp_path: Path) -> None:
    """Its logger's clock is not set, and its boot has no anchor: whatever `t0` says is no time."""
    station = Station(tmp_path / "var", rules(JOLT))
    station.run(event(0, 5.0, clk=0, t0=5))
    (row,) = listed(tcm, station.folder)
    assert (row["at"], row["peak_axis"]) == (None, "z")
    assert "clock not set" in tcm("list", station.folder)[1]
    assert listed(tcm, station.folder, "--from", rfc3339(0)) == []


def test_the_rules_and_the_rotation_are_those_in_force_at_the_event(tcm: Tcm, tmp_path: Path) -> None:
    """A later configuration changes nothing of what was; limits for another place are none of this one."""
    turned = {"id": "L", "rotation": [[0, 0, 1], [1, 0, 0], [0, 1, 0]]}
    elsewhere, there = BOUNDARY | {"place": "skin*"}, ENVELOPE | {"place": "base*"}
    station = Station(tmp_path / "var", rules(JOLT, elsewhere, there))
    station.run(event(0, 5.0), rules(BOUNDARY, logger=[turned]), event(1, 5.0))
    before, after = listed(tcm, station.folder)
    assert (before["peak_axis"], before["damage_margin"]) == ("z", None)
    shown = json.loads(tcm("show", before["event"], station.folder, "--json")[1])
    assert [margin["rule"] for margin in shown["margins"]] == ["jolt", "envelope"]
    assert (after["peak_axis"], after["damage_margin"] is None) == ("x", False)


def test_events_whose_samples_retention_dropped_are_counted(tcm: Tcm, station: Station) -> None:
    """They are not there any more, and the list says so; to ask for one is an error that says why."""
    with closing(sqlite3.connect(station.folder / "journal.db")) as journal:
        journal.execute("UPDATE records SET payload = NULL WHERE kind = 'shock' AND seq = 0")
        journal.commit()
    code, out, _ = tcm("list", station.folder)
    assert code == 0
    assert out.endswith("1 event, 2 passed over: dropped by retention\n")
    code, out, err = tcm("show", "C/L/1/0", station.folder)
    assert (code, out) == (2, "")
    assert "dropped by retention" in err


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "C/L/1/7", "VAR"), "there is no such event"),
        (("show", "D/L/1/0", "VAR"), "there is no such event"),
        (("show", "C/L/1/1", "VAR"), "there is no such event"),  # a block of readings
        (("show", "C/L/1", "VAR", "--json"), "C/L/1: expected container/logger/boot/seq"),
        (("show", "L/\u0667/\u0660", "VAR"), "expected container/logger/boot/seq"),
        (("show", "L/one/0", "VAR"), "expected container/logger/boot/seq"),
        (("show", "L/9999999999999999999/0", "VAR"), "there is no such event"),
        (("show", "nosuchalert", "VAR"), "there is no such alert"),
        (("show", "VAR"), "which event?"),
        (("list", "nowhere"), "there is no such file or directory"),
        (("list", "EMPTY"), "expected a state directory with journal.db, or a recording"),
        (("list", "VAR", "--level", "2 g"), "--level is for recordings"),
        (("list", "VAR", "--kind", "bang"), "expected one of impact"),
        (("list", "VAR", "--from", "yesterday"), "expected a time such as"),
        (("list", "VAR", "--to", "2026-11-23"), "no time zone"),
        (("list", "VAR", "--limits", "nowhere.toml"), "nowhere.toml"),
        (("list", "RECORDING", "--level", "-1 g"), "expected a level above 0"),
        (("list", "RECORDING", "--level", "2 m"), "--level"),
        (("show", "99", "RECORDING"), "there is no event 99"),
        (("show", "C/L/1/0", "RECORDING"), "expected the number of an event"),
        (("show", "RECORDING", "--level", "100 g"), "nothing departs from rest"),
        (("srs", "L/1/0", "VAR", "--to-hz", "1001"), "expected --to-hz up to 1000, half the sampling rate"),
        (("srs", "L/1/0", "VAR", "--from-hz", "1100"), "expected --from-hz up to 1000, half the sampling rate"),
        (("srs", "L/1/0", "VAR", "--from-hz", "20", "--to-hz", "10"), "expected 0 < --from-hz <= --to-hz"),
        (("srs", "L/1/0", "VAR", "--from-hz", "-1"), "expected 0 < --from-hz"),
        (("srs", "L/1/0", "VAR", "--from-hz", "nan"), "expected 0 < --from-hz"),
        (("srs", "L/1/0", "VAR", "--q", "0.5"), "--q above 0.5"),
        (("srs", "L/1/0", "VAR", "--from-hz", "1e-9", "--per-octave", "96"), "at most 2000 frequencies"),
        (("srs", "L/1/0", "VAR", "--per-octave", "0"), "--per-octave"),
        (("srs", "L/1/0", "VAR", "--response", "jerk"), "--response"),
        (("show", "L/1/0", "VAR", "--plot", "EMPTY/a.pdf"), "expected a file that ends in .svg or .png"),
        (("show", "L/1/0", "VAR", "--plot", "EMPTY/none/a.svg"), "cannot be written"),
        (("show", "L/1/0", "VAR", "--plot", "/dev/null/a.svg"), "cannot be written"),
    ],
)
def test_wrong_use_is_one_clear_error(
    tcm: Tcm, station: Station, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Exit status 2, what was expected on standard error, nothing on standard output, no file."""
    empty = tmp_path / "empty"
    empty.mkdir()
    names = {"VAR": str(station.folder), "EMPTY": str(empty), "RECORDING": str(RECORDING)}
    filled = [str(argument) for argument in arguments]
    for name, path in names.items():
        filled = [argument.replace(name, path) for argument in filled]
    code, out, err = tcm(*filled)
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())
    assert list(empty.iterdir()) == []


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


def test_a_recording_is_held_against_a_limits_file(tcm: Tcm) -> None:
    """There are no rules in force in a recording, so none are invented."""
    code, out, _ = tcm("show", RECORDING)
    assert code == 0
    assert "no rule on single shocks applies" in out
    code, out, _ = tcm("show", RECORDING, "--limits", "config/limits/flight-hardware.toml")
    assert code == 0
    assert "shock-y" in out
    assert "low-pass 100 Hz, above it for" in out


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


@pytest.mark.parametrize(("module", "extra"), [("idelib", "ide"), ("matplotlib", "plot")])
def test_a_missing_library_names_its_extra(
    tcm: Tcm, station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    """The wheel works without them; what to install is said."""
    (tmp_path / "a.ide").write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    plot = ("show", "L/1/0", station.folder, "--plot", tmp_path / "a.svg")
    code, out, err = tcm(*(("list", tmp_path / "a.ide") if extra == "ide" else plot))
    assert (code, out) == (2, "")
    assert f"in the source folder: pip install '.[{extra}]'" in err


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


def test_help_shows_an_example(tcm: Tcm) -> None:
    """For each command."""
    for command in ("list", "show", "srs"):
        code, out, _ = tcm(command, "--help")
        assert code == 0
        assert f"Example: tcm shock {command}" in " ".join(out.split())


def limits_file(folder: Path, *rules: str) -> Path:
    """A limits file of shock rules, each given by its keys."""
    file = folder / "limits.toml"
    named = (f'[[rule]]\nid = "r{n}"\nkind = "shock"\nseverity = "alarm"\n{keys}\n' for n, keys in enumerate(rules))
    file.write_text('name = "tried"\n' + "".join(named), encoding="utf-8")
    return file


BOUNDARY_KEYS = 'damage_boundary = { acceleration = "25 g", velocity_change = "0.1 m/s" }'


def test_a_clipped_event_that_reads_as_within_is_not_told_to_be(tcm: Tcm, tmp_path: Path) -> None:
    """Margins at most, velocity change at least; and no figure in dB that looks like room."""
    station = Station(tmp_path / "var", rules(JOLT))
    station.run(
        event(
            0,
            90.0,
            a=matrix(np.round(np.clip(half_sine(90.0), -20, 20) / 0.005).astype("<i2"), "<i2", 77),
            range_g=20.0,
        )
    )
    limits = limits_file(tmp_path, BOUNDARY_KEYS, 'peak = "25 g"\nlowpass = "100 Hz"')
    (row,) = listed(tcm, station.folder, "--limits", limits)
    assert row["beyond"] == []
    assert [(said["rule"], said["at_most"]) for said in row["not_known"]] == [("r0", True), ("r1", False)]
    text = tcm("list", station.folder, "--limits", limits)[1]
    assert "not known to be within: r0 <= 1.3" in text
    said = tcm("show", "L/1/0", station.folder, "--limits", limits)[1]
    (line,) = [line for line in said.splitlines() if line.startswith("r0")]
    assert "<= 1.3" in line and "dB" not in line
    assert "velocity   change >= " in said


def test_the_list_names_the_rules_that_an_event_is_beyond(tcm: Tcm, station: Station, tmp_path: Path) -> None:
    """Of any quantity, with their margins."""
    limits = limits_file(tmp_path, 'peak = "10 g"', 'srs = [["10 Hz", "1 g"], ["400 Hz", "1 g"]]', 'peak = "40 g"')
    small, strong, _ = listed(tcm, station.folder, "--limits", limits)
    assert [said["rule"] for said in small["beyond"]] == ["r1"]
    assert {said["rule"]: said["margin"] for said in strong["beyond"]}["r0"] == pytest.approx(0.5, rel=0.01)
    assert "beyond: r0 0." in tcm("list", station.folder, "--limits", limits)[1]


def test_a_drop_rule_without_a_drop_says_limit_and_reason(tcm: Tcm, tmp_path: Path) -> None:
    """Never dashes only."""
    limits = limits_file(tmp_path, 'drop_height = "0.2 m"')
    out = tcm("show", RECORDING, "--limits", limits)[1]
    assert "0.2 m" in out and "no fall seen" in out


def test_rules_with_a_place_need_the_place_of_a_recording(tcm: Tcm, tmp_path: Path) -> None:
    """What is not judged is said."""
    limits = limits_file(tmp_path, 'peak = "1 g"\nplace = "hardware*"', 'peak = "1 g"')
    out = tcm("show", RECORDING, "--limits", limits)[1]
    assert "1 rule on shocks not judged: the place of a recording is not known (--place)" in out
    for place, judged in (("hardware, aft", ["r0", "r1"]), ("skin", ["r1"])):
        said = json.loads(tcm("show", RECORDING, "--limits", limits, "--place", place, "--json")[1])
        assert ([margin["rule"] for margin in said["margins"]], said["unplaced"]) == (judged, [])
        replayed = replay_source(RECORDING, limits, lambda *_: None, place=place)
        assert sorted({alert["rule"] for alert in replayed["alerts"]}) == judged
    assert replay_source(RECORDING, limits, lambda *_: None)["unplaced"] == ["r0"]


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
