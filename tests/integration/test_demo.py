"""The demonstration: in one command, from any folder, ended at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.processes import find_program

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
MODULE = (sys.executable, "-m", "monitor")
TCM = (str(Path(sys.executable).parent / "tcm"),)  # as `make demo` calls it, with no tcm on the PATH


def _environment(folder: Path, path: str) -> dict[str, str]:
    """The demo keeps its state below TMPDIR; `path` decides which broker it finds."""
    return {**os.environ, "TMPDIR": str(folder), "PATH": path, "PYTHONPATH": str(ROOT)}


def _started(folder: Path, path: str, *arguments: str, program: tuple[str, ...] = MODULE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*program, "demo", *arguments],
        cwd=folder,
        env=_environment(folder, path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_each_ends_by_itself_with_a_summary(tmp_path: Path) -> None:
    """Two side by side, one with a broker of the machine: exit 0 after `--for`, and what happens has been noticed."""
    mosquitto = Path(find_program("mosquitto", "mosquitto"))
    demos = {}
    for broker, path in (("mosquitto", mosquitto.parent), ("amqtt", tmp_path)):
        (tmp_path / broker).mkdir()
        demos[broker] = _started(tmp_path / broker, str(path), "--for", "22s", "--json")
    try:
        for broker, demo in demos.items():
            out, errors = demo.communicate(timeout=LIMIT_S)
            assert demo.returncode == 0, errors
            _check_summary(json.loads(out), broker)
    finally:
        for demo in demos.values():
            demo.kill()


def _check_summary(summary: dict[str, Any], broker: str) -> None:
    assert {alert["rule"] for alert in summary["alerts"]} >= {"temperature-high-alarm", "shock-z"}
    assert summary["records"] > 100
    assert summary["quarantined"] == summary["gaps"]["lost"] == summary["gaps"]["open"] == 0
    assert (Path(summary["state_dir"]) / "journal.db").exists()
    configuration = (Path(summary["state_dir"]).parent / "broker.conf").read_text()
    assert ("amqtt" in configuration) == (broker == "amqtt")


@pytest.mark.parametrize("program", [MODULE, TCM], ids=["module", "script"])
def test_it_says_what_happens_in_plain_lines(tmp_path: Path, program: tuple[str, ...]) -> None:
    """Without a terminal each change of an alert is a line, and Ctrl-C ends it with the summary and exit 0.

    The command that it names for another look is typed as it stands there.
    """
    path = "/usr/bin:/bin:/usr/sbin"
    demo = _started(tmp_path, path, program=program)
    try:
        assert demo.stdout is not None
        seen = []
        for line in demo.stdout:  # pytest-timeout bounds a demo that never says it
            seen.append(line)
            if "alarm firing" in line:
                break
        demo.send_signal(signal.SIGINT)
        out, errors = demo.communicate(timeout=LIMIT_S)
    finally:
        demo.kill()
    assert demo.returncode == 0, errors
    assert "\x1b" not in "".join(seen) + out
    command = out.partition("look again with: ")[2]
    again = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env=_environment(tmp_path, path),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (again.returncode, again.stderr) == (1, ""), command  # an alarm fired
    assert "readings, " in again.stdout


def test_the_wheel_brings_the_example_configuration(tmp_path: Path) -> None:
    """What `pip install` brings has both packages, the example and the scenarios."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=LIMIT_S,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("monitor/app.py", "monitor/example/monitor.toml", "firmware_sim/scenarios/departure.toml"):
        assert name in names
