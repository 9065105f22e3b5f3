"""How commands enter: what is given goes as it is, and nothing is kept or waited for when it cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.entering import enter
from monitor.config import load_access
from monitor.journal import JournalReader
from monitor.model.errors import TcmError, UnknownName, WireError
from monitor.model.operator_keys import MAX_ATTACHMENTS
from tests.processes import HOST, free_port
from tests.reloads import SETTINGS, loaded


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The monitor.toml of a container whose daemon does not run."""
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "C-1.toml").write_text('id = "C-1"\n[[logger]]\nid = "L-1"\n')
    loaded(tmp_path, SETTINGS + f'[web]\nlisten = "{HOST}:{free_port()}"\n')
    return tmp_path / "monitor.toml"


UNTIL = {"until": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ({"type": "silence", "rule": ""} | UNTIL, WireError, "rule: expected a name"),
        ({"type": "silence", "until": ""}, WireError, "until: expected a time"),
        ({"type": "arm", "logger": ""}, WireError, "logger: expected an identifier"),
        ({"type": "disarm", "until": ""}, WireError, "until: expected a time"),
        ({"type": "open", "effective_at": ""}, WireError, "effective_at: expected a time"),
        ({"type": "open", "by": ""}, WireError, "by: expected 1 to 100 characters"),
        (
            {"type": "silence-end", "silence": 0, "container": None},
            UnknownName,
            "enter silence-end: 0: no such silence",
        ),
        ({"type": "ack", "alert": "\udcff", "container": None}, WireError, "alert: expected an identifier"),
    ],
)
def test_what_is_empty_is_not_left_out(config: Path, content: dict[str, Any], error: Any, message: str) -> None:
    """A shell variable that is not set would silence, arm or disarm more than was meant."""
    with pytest.raises(error, match=message):
        enter(config, {"container": "C-1", "by": None, "remark": "", "new": False} | content)


def test_what_is_not_given_is_left_out(config: Path) -> None:
    said = enter(config, {"type": "arm", "container": "C-1", "logger": None, "by": "Rossi", "remark": "", "new": False})
    assert {key: said[key] for key in said.keys() - {"effective_at", "entered_at"}} == {
        "type": "arm", "container": "C-1", "by": "Rossi", "remark": "", "pos": 2,
    }  # fmt: skip


def test_files_that_are_not_taken(config: Path, tmp_path: Path) -> None:
    """Too many, of a name that is no text, a pipe that nobody fills: none of them is kept."""
    file, pipe, odd = tmp_path / "a.txt", tmp_path / "pipe", tmp_path / os.fsdecode(b"\xff.txt")
    for path in (file, odd):
        path.write_bytes(b"x")
    os.mkfifo(pipe)
    for files, message in (
        ([file] * (MAX_ATTACHMENTS + 1), "attach: expected at most 16 files, got 17"),
        ([file, odd], r"attach: '.*\\udcff.txt': expected one line without control characters"),
        ([pipe], "attach: .*pipe: not a regular file"),
    ):
        with pytest.raises(TcmError, match=message):
            enter(config, {"type": "open", "container": "C-1", "by": "Rossi"}, files)
        state_dir = load_access(config).state_dir
        assert JournalReader(state_dir).operators() == [] if state_dir.exists() else True
    assert len(enter(config, {"type": "open", "container": "C-1", "by": "Rossi"}, [file] * 16)["attachments"]) == 16
