"""The example configuration and the least that loads, as files that a test may spoil."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

from tests.configs import MINIMAL, PROFILE, write

EXAMPLE = Path(__file__).parents[1] / "config"
BEFORE_JOURNEY = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def copied(folder: Path) -> Path:
    """The folder of a copy of the example."""
    return Path(shutil.copytree(EXAMPLE, folder / "config"))


def least(folder: Path) -> Path:
    """The least that loads, required keys and one limits profile; where its settings stand."""
    write(folder / "monitor.toml", MINIMAL)
    write(folder / "limits" / "basic.toml", PROFILE)
    return folder / "monitor.toml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
