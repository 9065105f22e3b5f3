"""A layer under SQLite: every write, fsync, truncation and deletion of files in one folder is shown to a watcher first.

The connections of the monitor stay as they are: this registers a default VFS that hands everything on to "unix", once
for the process. Files elsewhere pass untouched, and so does everything while nobody watches.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any, Protocol

OK, IOERR, FULL, CANTOPEN = 0, 10, 13, 14
IOERR_FSYNC, IOERR_DELETE = 10 | 4 << 8, 10 | 10 << 8

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    """sqlite3_vfs; only what is replaced has a type."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("max_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("others", c_void_p * 14),
    )


class _Methods(Structure):
    """sqlite3_io_methods."""

    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("others", c_void_p * 13),
    )


class Watcher(Protocol):
    """Sees each act before it is done; an answer other than OK is SQLite's, and the act is not done.

    `sync` stands for the fsync: none is done, since a simulated power cut takes what was not synced.
    """

    root: Path

    def open(self, path: str) -> int:
        """A file is opened."""

    def write(self, path: str, offset: int, data: bytes) -> int:
        """Bytes are written."""

    def truncate(self, path: str, size: int) -> int:
        """A file is cut."""

    def sync(self, path: str) -> int:
        """A file is made durable."""

    def delete(self, path: str, *, is_durable: bool) -> int:
        """A file is deleted; unless `is_durable` it may be there again after a power cut."""


class _Layer:
    """The registered VFS, and the paths of the files that are watched, by address."""

    def __init__(self) -> None:
        self.watcher: Watcher | None = None
        library = ctypes.CDLL("libsqlite3.so.0")
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._unix = library.sqlite3_vfs_find(b"unix")
        self._paths: dict[int, str] = {}
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}  # by address of the original: it and ours
        self._real: dict[int, Any] = {}  # original functions by address
        self._kept: list[Any] = [_OPEN(self._open), _DELETE(self._delete)]
        self._kept += [_CLOSE(self._close), _WRITE(self._write), _TRUNCATE(self._truncate), _SYNC(self._sync)]
        self._vfs = _Vfs.from_buffer_copy(self._unix.contents)
        self._vfs.name, self._vfs.next = b"simulated", None
        self._vfs.open, self._vfs.delete = (ctypes.cast(each, c_void_p).value for each in self._kept[:2])
        if library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) != OK:
            raise RuntimeError("register VFS: SQLite refuses it")

    def _is_watched(self, path: str) -> bool:
        return self.watcher is not None and path.startswith(str(self.watcher.root)) and not path.endswith("-shm")

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out_flags: int | None) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        if self._is_watched(path):
            assert self.watcher is not None
            code = self.watcher.open(path)
            if code != OK:
                ctypes.memset(file, 0, ctypes.sizeof(c_void_p))  # no methods: SQLite must not close it
                return code
        code = self._call(
            _OPEN, self._unix.contents.open, ctypes.addressof(self._unix.contents), name, file, flags, out_flags
        )
        if code == OK and self._is_watched(path):
            self._replace_methods(c_void_p.from_address(file))
            self._paths[file] = path
        return code

    def _replace_methods(self, methods: c_void_p) -> None:
        original = methods.value
        assert original is not None
        if original not in self._methods:
            theirs = _Methods.from_address(original)
            ours = _Methods.from_buffer_copy(theirs)
            addresses = [ctypes.cast(each, c_void_p).value for each in self._kept[2:]]
            ours.close, ours.write, ours.truncate, ours.sync = addresses
            self._methods[original] = theirs, ours
            self._methods[ctypes.addressof(ours)] = theirs, ours
        methods.value = ctypes.addressof(self._methods[original][1])

    def _close(self, file: int) -> int:
        theirs = self._theirs(file)
        self._paths.pop(file, None)
        return self._call(_CLOSE, theirs.close, file)

    def _write(self, file: int, data: int, size: int, offset: int) -> int:
        code = (
            OK if self.watcher is None else self.watcher.write(self._paths[file], offset, ctypes.string_at(data, size))
        )
        return code or self._call(_WRITE, self._theirs(file).write, file, data, size, offset)

    def _truncate(self, file: int, size: int) -> int:
        code = OK if self.watcher is None else self.watcher.truncate(self._paths[file], size)
        return code or self._call(_TRUNCATE, self._theirs(file).truncate, file, size)

    def _sync(self, file: int, _flags: int) -> int:
        return OK if self.watcher is None else self.watcher.sync(self._paths[file])

    def _delete(self, _vfs: int, name: bytes, is_durable: int) -> int:
        code = OK
        if self._is_watched(name.decode()):
            assert self.watcher is not None
            code = self.watcher.delete(name.decode(), is_durable=bool(is_durable))
        return code or self._call(
            _DELETE, self._unix.contents.delete, ctypes.addressof(self._unix.contents), name, is_durable
        )

    def _theirs(self, file: int) -> _Methods:
        address = c_void_p.from_address(file).value
        assert address is not None
        return self._methods[address][0]

    def _call(self, kind: Any, address: int, *arguments: object) -> int:
        if address not in self._real:
            self._real[address] = kind(address)
        return int(self._real[address](*arguments))


_layers: list[_Layer] = []


def watch(watcher: Watcher | None) -> None:
    """Show `watcher` the files that are opened below its root from now on; None: nobody watches any more."""
    if not _layers:
        _layers.append(_Layer())
    _layers[0].watcher = watcher
