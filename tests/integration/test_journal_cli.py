"""`tcm journal` and `tcm backup` as an operator calls them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from monitor.journal import StateLock
from tests.commands import tcm
from tests.journals import fill


def configuration(folder: Path) -> str:
    """A configuration beside a state directory with a journal."""
    fill(folder / "var")
    path = folder / "monitor.toml"
    path.write_text('state_dir = "var"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n', encoding="utf-8")
    return str(path)


def test_check_backup_damage_recover(tmp_path: Path) -> None:
    """A whole journal passes and is copied; a damaged one is told apart, recovered, and passes but for the hole."""
    config = configuration(tmp_path)
    checked = tcm("journal", "check", "--json", "--config", config)
    answer = json.loads(checked.stdout)
    assert (checked.returncode, answer["ok"], answer["records"]) == (0, True, 12)
    copied = tcm("backup", str(tmp_path / "copy"), "--json", "--config", config)
    assert (copied.returncode, json.loads(copied.stdout)["head"]) == (0, answer["head"])
    assert tcm("backup", str(tmp_path / "copy"), "--config", config).returncode == 2
    with sqlite3.connect(tmp_path / "var" / "journal.db") as connection:
        connection.execute("UPDATE records SET topic = 'x' WHERE pos = 10")
    checked = tcm("journal", "check", "--config", config)
    assert checked.returncode == 1
    assert "position 10: records: the row does not fit its digest" in checked.stdout
    assert tcm("journal", "check", str(tmp_path / "copy")).returncode == 0
    with StateLock(tmp_path / "var"):
        refused = tcm("journal", "recover", str(tmp_path / "var"))
    assert (refused.returncode, "stop that daemon first" in refused.stderr) == (2, True)
    recovered = tcm("journal", "recover", str(tmp_path / "var"))
    assert recovered.returncode == 0, recovered.stderr
    assert "records that could not be read, by position: 10 to 10" in recovered.stdout
    assert "positions 10 to 10 are missing" in tcm("journal", "check", "--config", config).stdout


def test_wrong_use_says_what_to_do(tmp_path: Path) -> None:
    """Exit status 2 and one line."""
    for command in (("journal", "check", str(tmp_path)), ("journal", "recover", str(tmp_path))):
        done = tcm(*command)
        assert (done.returncode, "is this the daemon's state directory?" in done.stderr) == (2, True)
