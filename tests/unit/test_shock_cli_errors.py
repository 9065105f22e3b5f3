"""`tcm shock` used wrongly, or without a library that it needs: one clear error and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

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
