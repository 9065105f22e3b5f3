"""`tcm shock`, called in the process of the tests, and a journal and a recording that it is asked about."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main
from tests.journals import arrival
from tests.knocks import FS_HZ, JOLT, event
from tests.messages import T0, S, env, status
from tests.stations import Station, rules

BOUNDARY = {
    "id": "boundary",
    "kind": "shock",
    "damage_boundary": {"acceleration": "15 g", "velocity_change": "0.1 m/s"},
    "severity": "alarm",
}
ENVELOPE = {"id": "envelope", "kind": "shock", "srs": [["10 Hz", "1 g"], ["400 Hz", "30 g"]], "severity": "alarm"}
RECORDING = Path("tests/data/recordings/ssx70065")
Tcm = Callable[..., tuple[int, str, str]]


def judged_station(folder: Path) -> Station:
    """A journal with three events, judged: 5 g and 20 g of logger L, 4 g of logger M."""
    made = Station(folder / "var", rules(JOLT, BOUNDARY, ENVELOPE))
    made.run(
        arrival("status", status(accs={"a": {"fs": FS_HZ, "lp_hz": 60.0}}), T0),
        *(event(0, 5.0), arrival("env", env(1), T0 + S), event(2, 20.0), event(0, 4.0, "M")),
    )
    return made


def shock_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tcm:
    """`tcm shock` with these arguments: exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tcm", "shock", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    monkeypatch.setenv("COLUMNS", "80")
    return run


def listed(tcm: Tcm, *arguments: object) -> list[dict[str, Any]]:
    """The events that `tcm shock list --json` tells of."""
    code, out, _ = tcm("list", *arguments, "--json")
    assert code == 0
    rows: list[dict[str, Any]] = json.loads(out)["events"]
    return rows
