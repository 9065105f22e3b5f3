"""A power cut at a write or fsync of the daemon, at each in turn, loses nothing that was acknowledged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STEP = 29  # each 29th operation in every test run, all of them in `make soak`
PROCESSES = 4


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(PROCESSES))
def test_a_crash_at_any_write_loses_nothing(number: int) -> None:
    """What fails is printed with the number of the operation."""
    arguments = ["--every", str(STEP * PROCESSES), "--offset", str(STEP * number)]
    command = [sys.executable, "-m", "tests.simulation.crash_points", *arguments]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
