"""Attached files: whole and durable under the SHA-256 of what is in them, within a budget, and in a backup."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from monitor.journal import Journal, attachments
from monitor.journal.attachments import MAX_UPLOADS, Attachments
from monitor.journal.backup import back_up
from monitor.model.errors import DiskFull, TcmError, WireError
from monitor.model.operator import OperatorRecord
from tests.messages import T0


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: Attachments, content: bytes, name: str = "lid.jpg") -> dict[str, Any]:
    """A file that comes in pieces."""
    upload = store.begin(name)
    try:
        for at in range(0, len(content), 3):
            upload.write(content[at : at + 3])
        return upload.finish()
    finally:
        upload.abandon()


def record_of(*files: dict[str, Any]) -> OperatorRecord:
    return OperatorRecord("inspection", "C", T0, T0, "Rossi", details={"attachments": list(files)})


def names(store: Attachments) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_a_file_lies_under_its_digest(tmp_path: Path) -> None:
    """Whole, readable by the daemon's group; the same content once, whatever it is called."""
    store = Attachments(tmp_path)
    for name in ("lid.jpg", "again.jpg"):
        assert put(store, b"photograph", name) == {"name": name, "sha256": sha256(b"photograph"), "bytes": 10}
    assert put(store, b"")["bytes"] == 0
    assert names(store) == sorted([sha256(b"photograph"), sha256(b"")])
    path = store.path(sha256(b"photograph"))
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"photograph", 0o640)
    (tmp_path / "a.txt").write_bytes(b"text" * 1000)
    assert store.put(tmp_path / "a.txt") == {"name": "a.txt", "sha256": sha256(b"text" * 1000), "bytes": 4000}


def test_a_record_may_name_what_is_there(tmp_path: Path) -> None:
    """As long as it says."""
    store = Attachments(tmp_path)
    file = put(store, b"photograph")
    store.require(record_of(file))
    store.require(record_of())
    for wrong in (file | {"bytes": 9}, file | {"sha256": sha256(b"other")}):
        with pytest.raises(TcmError, match=r"attach: lid.jpg: the file is not there"):
            store.require(record_of(file, wrong))


def test_what_does_not_come_to_its_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Abandoned, too large, or no room on the disk; and its place is free for others."""
    monkeypatch.setattr(attachments, "MAX_ATTACHMENT_BYTES", 8)
    store = Attachments(tmp_path)
    with pytest.raises(TcmError, match="expected at most"):
        put(store, b"123456789")
    for name in ("", "a/b", "x" * 101, "two\nlines"):
        with pytest.raises(WireError, match="name: expected"):
            store.begin(name)
    with pytest.raises(TcmError, match="no room on the gateway's disk"):
        put(Attachments(tmp_path, reserve_bytes=1e18), b"1")
    for path, cause in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file")):
        with pytest.raises(TcmError, match=cause):
            store.put(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TcmError, match="not a regular file"):
        store.put(tmp_path / "pipe")
    with pytest.raises(TcmError, match="expected at most"):
        (tmp_path / "long").write_bytes(b"123456789")
        store.put(tmp_path / "long")
    assert names(store) == []
    under_way = [store.begin("a") for _ in range(MAX_UPLOADS)]
    with pytest.raises(TcmError, match="8 others are under way"):
        store.begin("a")
    for upload in under_way:
        upload.abandon()
        upload.abandon()
    assert put(store, b"12345678")["bytes"] == 8
    assert names(store) == [sha256(b"12345678")]


def test_a_disk_that_is_full_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same can be tried again."""

    def full(_handle: int, _piece: bytes) -> int:
        raise OSError(28, "No space left on device")

    store = Attachments(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(DiskFull):
            put(store, b"photograph")
    assert names(store) == []
    assert put(store, b"photograph")["bytes"] == 10


def test_what_no_record_names_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its record has had an hour to come; what records name stays, and then no more is taken."""
    monkeypatch.setattr(attachments, "BUDGET_BYTES", 25)
    journal, store = Journal(tmp_path), Attachments(tmp_path)
    named, forgotten, fresh = (put(store, content) for content in (b"named" * 2, b"forgot", b"fresh"))
    journal.append_own("operator", T0, record_of(named).to_json(), "C")
    journal.append_own("operator", T0, b'{"attachments":[7]}', "C")
    for file in (named, forgotten):
        path = store.path(file["sha256"])
        os.utime(path, (path.stat().st_mtime - 4000,) * 2)
    last = put(store, b"last one")
    assert names(store) == sorted(file["sha256"] for file in (named, fresh, last))
    with pytest.raises(TcmError, match="that all attachments may take"):
        put(store, b"too much")
    assert names(store) == sorted(file["sha256"] for file in (named, fresh, last))
    journal.close()


def test_an_upload_that_is_abandoned_meanwhile_disturbs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file goes between the look into the folder and the look at the file, also where room has to be made."""
    monkeypatch.setattr(attachments, "BUDGET_BYTES", 20)
    Journal(tmp_path).close()
    store = Attachments(tmp_path)
    forgotten = put(store, b"forgotten so far")
    os.utime(store.path(forgotten["sha256"]), (0, 0))
    for _ in range(8):  # listed before or after the others
        other, names_in = store.begin("other"), os.listdir

        def listed(folder: Any = ".", other: Any = other, names_in: Any = names_in) -> list[str]:
            found = names_in(folder)
            other.abandon()
            return list(found)

        with monkeypatch.context() as patched:
            patched.setattr(os, "listdir", listed)
            assert put(store, b"good one")["bytes"] == 8
    assert names(store) == [sha256(b"good one")]


def quiet(_done: int, _total: int) -> None:
    """No bar."""


def test_a_backup_has_what_records_name(tmp_path: Path) -> None:
    """What is lost is said, what has changed on the disk stops it, what no record names is left out."""
    state = tmp_path / "state"
    journal, store = Journal(state), Attachments(state)
    named, lost, _unnamed = (put(store, content) for content in (b"named", b"lost", b"unnamed"))
    journal.append_own("operator", T0, record_of(named, lost).to_json(), "C")
    store.path(lost["sha256"]).unlink()
    document = back_up(state, tmp_path / "copy", quiet)
    assert document["lost_attachments"] == [lost["sha256"]]
    assert document["files"][f"attachments/{named['sha256']}"] == 5
    copied = Attachments(tmp_path / "copy")
    copied.require(record_of(named))
    assert names(copied) == [named["sha256"]]
    json.dumps(document)
    store.path(named["sha256"]).write_bytes(b"nameD")
    with pytest.raises(TcmError, match="its content has another SHA-256"):
        back_up(state, tmp_path / "another", quiet)
    assert not list(tmp_path.glob("another*"))
    journal.close()
