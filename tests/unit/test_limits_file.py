"""A limits file in the place of another: the whole of it, or nothing; what differs, key by key."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import ConfigProblems
from monitor.config.difference import Change, difference
from monitor.config.limits_file import MAX_FILE_BYTES, alone, place, put
from monitor.model.errors import ConfigError
from monitor.model.limit import Profile
from tests.commands import REPOSITORY

HOT = {"id": "hot", "kind": "threshold", "channel": "temperature.air", "above": "25 degC", "severity": "alarm"}
NAMED = "temperature-high-warning"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example's monitor.toml, in a copy."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    return tmp_path / "config" / "monitor.toml"


def changed(config: Path, before: str, after: str, name: str = "new.toml") -> Path:
    """The example's limits with a change, outside of the folder."""
    text = (config.parent / "limits" / "flight-hardware.toml").read_text()
    assert before in text
    new = config.parent.parent / name
    new.write_text(text.replace(before, after, 1))
    return new


def test_it_takes_the_place_of_the_profile_of_its_name(config: Path) -> None:
    """Wherever that stands; one of a new name has a file of its own."""
    limits = config.parent / "limits"
    (limits / "flight-hardware.toml").rename(limits / "other.toml")
    shutil.copy(limits / "other.toml", limits / "flight-hardware.toml.bak")
    (limits / "flight-hardware.toml").write_text(
        (limits / "other.toml").read_text().replace('"flight-hardware"', '"b"')
    )
    new = config.parent.parent / "new.toml"
    new.write_text((limits / "other.toml").read_text())
    assert place(config, new).file == limits / "other.toml"
    new.write_text((limits / "other.toml").read_text().replace('name = "flight-hardware"', 'name = "third"'))
    placed = place(config, new)
    assert (placed.file, placed.before, placed.after.name) == (limits / "third.toml", None, "third")
    assert not placed.file.exists()


def test_all_that_is_wrong_is_said_at_once(config: Path) -> None:
    """What is wrong with the file, and what it does to the other files."""
    new = changed(config, 'above = "25 degC"', 'above = "25 Pa"')
    new.write_text(new.read_text().replace('severity = "warning"', 'severity = "loud"', 1))
    with pytest.raises(ConfigProblems) as caught:
        place(config, new)
    assert {problem.key for problem in caught.value.problems} >= {f"rule.{NAMED}.above", f"rule.{NAMED}.severity"}
    assert all(str(new) in problem.file for problem in caught.value.problems)
    new.write_text('name = "of-nobody"\n[[rule]]\n')
    (config.parent / "limits" / "flight-hardware.toml").unlink()
    with pytest.raises(ConfigProblems) as caught:
        place(config, new)
    assert {Path(problem.file).name for problem in caught.value.problems} > {"new.toml", "C-101.toml"}


def test_a_broken_profile_can_be_replaced(config: Path) -> None:
    """What stands there now does not matter, once it is to go."""
    new = changed(config, 'above = "25 degC"', 'above = "26 degC"')
    (config.parent / "limits" / "flight-hardware.toml").write_text('name = "flight-hardware"\nrubbish')
    placed = place(config, new)
    assert (placed.before, placed.after.name) == (None, "flight-hardware")


@pytest.mark.parametrize("what", ["absent", "folder", "large", "pipe", "text"])
def test_rubbish_is_refused(config: Path, what: str) -> None:
    """With the place, and nothing changed."""
    new = config.parent.parent / "new.toml"
    if what == "folder":
        new.mkdir()
    elif what == "pipe":
        os.mkfifo(new)
    elif what != "absent":
        new.write_text("rubbish" if what == "text" else "#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match=r"new\.toml"):
        place(config, new)


@pytest.mark.parametrize(
    ("name", "message"), [("../evil", "expected 1 to 64"), ("sub/x", "expected 1 to 64"), (".hid", "expected no dot")]
)
def test_a_name_that_no_limits_file_has_is_refused(config: Path, name: str, message: str) -> None:
    """It would be written elsewhere, or where nobody reads it; a file that is there already may hold such a profile."""
    new = changed(config, 'name = "flight-hardware"', f'name = "{name}"')
    with pytest.raises(ConfigProblems, match=rf"new\.toml: name: {message}"):
        place(config, new)
    there = config.parent / "limits" / "other.toml"
    shutil.copy(new, there)
    if name == ".hid":
        assert place(config, new).file == there


def test_one_sets_limits_at_a_time(config: Path) -> None:
    """So that what each says of them is so, and what is put back was nobody else's."""
    message = r"set limits: .*limits: another tcm limits set is at work there"
    with alone(config), pytest.raises(ConfigError, match=message), alone(config):
        pass
    with alone(config):
        pass
    with pytest.raises(ConfigError, match=r"none.limits: No such file"), alone(config.parent / "none" / "monitor.toml"):
        pass


@settings(max_examples=20)  # each writes to the disk
@given(st.binary(max_size=100), st.none() | st.binary(max_size=100), st.integers(0o600, 0o777))
def test_a_file_is_put_whole_and_put_back(
    tmp_path_factory: pytest.TempPathFactory, after: bytes, before: bytes | None, mode: int
) -> None:
    """With the mode it had, through a link too; nothing else is left in the folder."""
    folder = tmp_path_factory.mktemp("put")
    file, link = folder / "real.toml", folder / "link.toml"
    link.symlink_to(file.name)
    if before is not None:
        file.write_bytes(before)
        file.chmod(mode)
    assert put(link, after) == before
    assert link.is_symlink() and file.read_bytes() == after
    assert stat.S_IMODE(file.stat().st_mode) == (0o644 if before is None else mode)
    assert put(link, before) == after
    assert (file.read_bytes() if file.exists() else None) == before
    assert {path.name for path in folder.iterdir()} <= {"real.toml", "link.toml"}


def test_what_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails at the last moment, an owner that cannot be kept: the old file stands alone."""
    file = tmp_path / "limits.toml"
    file.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("fsync", "fchmod"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, refuse)
            with pytest.raises(ConfigError, match="Operation not permitted"):
                put(file, b"new")
        assert file.read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["limits.toml"]


def profile(*rules: dict[str, Any], **about: Any) -> Profile:
    return Profile.model_validate({"name": "p", "rule": list(rules)} | about)


def test_what_differs_is_told_with_its_units() -> None:
    """Whatever the unit it was written in; a key that was not there was nothing."""
    before = profile(HOT, HOT | {"id": "gone"}, HOT | {"id": "same", "for": "60 s"}, title="one")
    after = profile(HOT | {"above": "26 degC", "phases": ["road"]}, HOT | {"id": "same", "for": "1 min"}, title="two")
    found = difference(before, after)
    assert [rule["id"] for rule in found.removed] == ["gone"]
    assert (found.added, found.same, found.about) == ([], 1, [Change("title", "one", "two")])
    assert found.changed == {
        "hot": [
            Change("above", "25.0 degC", "26.0 degC"),
            Change("clear", "25.0 degC", "26.0 degC"),
            Change("phases", None, ["road"]),
        ]
    }
    assert len(difference(None, after).added) == 2
