"""docs/shock.md: each command that it shows answers what it says."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.cli import main
from monitor.journal import Usable
from tests.journals import arrival
from tests.knocks import JOLT
from tests.messages import T0, S, matrix, shock
from tests.stations import Station, rules

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "shock.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \$ (tcm .+)\n((?:    .*\n|\n(?=    (?!\$)))*)", PAGE, re.MULTILINE)
FS_HZ, COUNT_G = 2000.0, 0.005
SPEED_M_S = np.sqrt(2 * 9.80665 * 0.3)  # of a fall from 0.3 m
RESTITUTION = 0.3


def drop(full_scale_g: float) -> NDArray[np.float64]:
    """Rest, a fall from 0.3 m, an impact of 11 ms, the flight of a bounce, another impact, rest: float64 [3, n]."""
    fall, flight = (round(time_s * FS_HZ) for time_s in (SPEED_M_S / 9.80665, 2 * RESTITUTION * SPEED_M_S / 9.80665))
    first, second = (1 + RESTITUTION) * SPEED_M_S, RESTITUTION * SPEED_M_S
    parts = (np.ones(400), np.zeros(fall), impact(first), np.zeros(flight), impact(second), np.ones(400))
    z_g = np.concatenate(parts)
    accel_g = np.random.default_rng(7).normal(0, 0.002, (3, len(z_g)))
    accel_g += np.outer((0.02, -0.1, 0.995), z_g)
    return np.clip(accel_g, -full_scale_g, full_scale_g)


def impact(speed_m_s: float) -> NDArray[np.float64]:
    """A half-sine of 11 ms with this velocity change."""
    width = round(0.011 * FS_HZ)
    return speed_m_s * np.pi / (2 * 0.011 * 9.80665) * np.sin(np.pi * np.arange(1, width) / width)


def event(seq: int, full_scale_g: float) -> Usable:
    """The record of the drop."""
    counts = np.round(drop(full_scale_g) / COUNT_G).astype("<i2")
    pre = int(np.abs(drop(100.0)[2]).argmax()) - 10
    content = shock(seq, scale=[COUNT_G] * 3, fs=FS_HZ, pre=pre, range_g=full_scale_g) | {
        "a": matrix(counts, "<i2", 77)
    }
    return arrival("shock", content, T0 + 1000 * S * (seq + 1), "L-09")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page speaks of: a state directory, its limits file, and the recordings."""
    box: dict[str, Any] = {"logger": [{"id": "L-09", "place": "hardware interface, aft"}]}
    Station(tmp_path / "var", rules(JOLT, **box)).run(event(0, 100.0), event(1, 20.0))
    (limits,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "optics.toml").write_text(limits, encoding="utf-8")
    (tmp_path / "ssx70065").symlink_to(REPOSITORY / "tests" / "data" / "recordings" / "ssx70065")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(("command", "answer"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_of_the_page_answers_what_the_page_says(
    command: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the character."""
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().out
    expected = "".join(line.removeprefix("    ") for line in answer.splitlines(keepends=True))
    assert said.rstrip() == expected.rstrip()


def test_the_page_has_examples() -> None:
    """So that the test above is one."""
    assert len(COMMANDS) >= 6
