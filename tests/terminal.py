"""Commands of `tcm` as their users see them: in a terminal of 80 columns, in a pipe, with a disk that is full.

Run as a program it is a process that has imported everything and forks for each command, so one takes 50 ms.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import locale
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from monitor.cli import main
from tests.commands import ENVIRONMENT, REPOSITORY
from tests.processes import mortal

COLUMNS, ROWS = 80, 24
LIMIT_S = 60.0
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
TERM = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
_UNSET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM", "LC_ALL", "TCM_CONFIG")


class Said(NamedTuple):
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it said, without escape codes; what is written over the same line is a line of its own."""
        return re.split(r"[\r\n]+", ESCAPE.sub("", f"{self.out}\n{self.err}"))

    @property
    def words(self) -> str:
        """All of it in one line, however it was folded."""
        return " ".join(" ".join(self.lines).split())


class Terminal:
    """Runs commands; `environment` of each is that of a user with nothing special but what is given."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tty(self, *arguments: str, keys: str = "", **environment: str) -> Said:
        """In a terminal; with `keys` these are typed once something was said."""
        return self._run("tty", arguments, environment, keys)

    def pipe(self, *arguments: str, **environment: str) -> Said:
        """With output to files, as of a pipe."""
        return self._run("pipe", arguments, environment)

    def full(self, *arguments: str, **environment: str) -> Said:
        """With output to a disk without room."""
        return self._run("full", arguments, environment)

    def closed(self, *arguments: str, **environment: str) -> Said:
        """With output to a pipe that nobody reads."""
        return self._run("closed", arguments, environment)

    def _run(self, how: str, arguments: tuple[str, ...], environment: dict[str, str], keys: str = "") -> Said:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(_Request(how, [*arguments], environment, keys)._asdict()) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has died"
        return Said(**json.loads(answer))


@contextmanager
def terminal() -> Iterator[Terminal]:
    """The process that forks, until the end of the context."""
    command = mortal([sys.executable, "-m", "tests.terminal"])
    environment = {key: value for key, value in ENVIRONMENT.items() if key not in _UNSET}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Terminal(process)
    finally:
        process.communicate(timeout=LIMIT_S)


def _serve() -> None:
    """Answer requests, one a line, until the input ends."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in ("cli.commands", "consumers", "examine.evidence", "parts", "replaying"):
        importlib.import_module(f"monitor.{module}")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(_Request(**json.loads(line)))._asdict()) + "\n")
        sys.stdout.flush()


class _Request(NamedTuple):
    """What to run: `how` is tty, pipe, full or closed."""

    how: str
    arguments: list[str]
    environment: dict[str, str]
    keys: str


def _answer(request: _Request) -> Said:
    """Fork for one command and gather what it says."""
    (out, to_out), (err, to_err) = (_terminal() if request.how == "tty" else os.pipe() for _ in "12")
    if request.how == "full":
        os.close(to_out)
        to_out = os.open("/dev/full", os.O_WRONLY)
    if request.how == "closed":
        os.close(out)
    pid = os.fork()
    if pid == 0:
        _become(request, to_out, to_err)
    os.close(to_out)
    os.close(to_err)
    said = _gather([err] if request.how == "closed" else [err, out], request.keys.encode())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Said(status, *(said.get(file, b"").decode(errors="replace") for file in (out, err)))


def _terminal() -> tuple[int, int]:
    """Both ends of a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return ours, theirs


def _become(request: _Request, to_out: int, to_err: int) -> None:
    """In the child: run the command with these for output, and end."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # of tests in the background it is ignored
    if request.how == "tty":
        fcntl.ioctl(to_out, termios.TIOCSCTTY, 0)
    os.dup2(to_out if request.how == "tty" else os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(to_out, 1)
    os.dup2(to_err, 2)
    os.environ.update({**TERM, **request.environment})
    locale.setlocale(locale.LC_CTYPE, "")
    sys.stdin = os.fdopen(0, closefd=False)
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False, encoding=encoding)  # type: ignore[misc]  # Python's own
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, closefd=False, errors="backslashreplace")  # type: ignore[misc]  # as above
    sys.argv = ["tcm", *request.arguments]
    status = 70
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        if status == 70:
            traceback.print_exc()
        with suppress(OSError):
            sys.stdout.flush()
            os._exit(status)
        os._exit(120)  # as Python ends where its last flush fails


def _gather(files: list[int], keys: bytes) -> dict[int, bytes]:
    """What comes from files until all have ended; `keys` go to the last as soon as anything comes."""
    said: dict[int, bytes] = dict.fromkeys(files, b"")
    open_, end_s = set(said), time.monotonic() + LIMIT_S
    while open_ and time.monotonic() < end_s:
        for file in select.select(list(open_), [], [], 1.0)[0]:
            try:
                piece = os.read(file, 65_536)
            except OSError:  # a terminal ends so
                piece = b""
            if not piece:
                open_.discard(file)
                os.close(file)
            said[file] += piece
            if piece and keys:
                os.write(files[-1], keys)
                keys = b""
    return said


if __name__ == "__main__":
    _serve()
