"""Configurations that are written for a test, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import ConfigProblems, load_config

MINIMAL = 'state_dir = "var"\n[mqtt]\nurl = "mqtt://broker"\n'
PROFILE = """
name = "basic"
[[rule]]
id = "warm"
kind = "threshold"
channel = "temperature.air"
above = "25 degC"
severity = "alarm"
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def problems(path: Path) -> dict[tuple[str, str], str]:
    """(name of the file, key) -> message of everything that keeps `path` from loading."""
    with pytest.raises(ConfigProblems) as caught:
        load_config(path)
    return {(Path(problem.file).name, problem.key): problem.message for problem in caught.value.problems}
