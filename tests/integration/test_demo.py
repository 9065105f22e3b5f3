"""The demonstration: in one command, from any folder, ended at any moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
DEMO = [sys.executable, "-m", "monitor", "demo"]


def _environment(folder: Path, path: str) -> dict[str, str]:
    """The demo keeps its state below TMPDIR; `path` decides which broker it finds."""
    return {**os.environ, "TMPDIR": str(folder), "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_it_ends_by_itself_with_a_summary(tmp_path: Path, broker: str) -> None:
    """`--for` ends with exit 0, and what the scenario does to the hardware has been noticed."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    folder = str(Path(program).parent) if program and broker == "mosquitto" else str(tmp_path)
    run = subprocess.run(
        [*DEMO, "--for", "22s", "--json"],
        cwd=tmp_path,
        env=_environment(tmp_path, folder),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert {alert["rule"] for alert in summary["alerts"]} >= {"temperature-high-alarm", "shock-z"}
    assert summary["records"] > 100
    assert summary["quarantined"] == summary["gaps"]["lost"] == summary["gaps"]["open"] == 0
    assert (Path(summary["state_dir"]) / "journal.db").exists()
    configuration = (Path(summary["state_dir"]).parent / "broker.conf").read_text()
    assert ("amqtt" in configuration) == (broker == "amqtt")


def test_it_says_what_happens_in_plain_lines(tmp_path: Path) -> None:
    """Without a terminal each change of an alert is a line, and Ctrl-C ends it with the summary and exit 0."""
    demo = subprocess.Popen(
        DEMO,
        cwd=tmp_path,
        env=_environment(tmp_path, f"{os.environ['PATH']}:/usr/sbin"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
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
    assert "state kept in" in out
    assert "\x1b" not in "".join(seen) + out


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
