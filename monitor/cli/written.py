"""That what is printed gets out: written while a failure can still be told, on any terminal that shows ASCII."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from pathlib import Path

from typer.core import TyperGroup

from monitor.model.errors import TcmError

_MAY_NOT = "this user may not: become one who may, such as the daemon's own user or a member of its group"


class Commands(TyperGroup):
    """All commands: what they print is written before the program ends, also where a command ends it itself."""

    def invoke(self, ctx: object) -> object:  # a context of the library's own
        """Run the command, then write out what it printed."""
        try:
            return super().invoke(ctx)  # type: ignore[arg-type]  # as above
        finally:
            sys.stdout.flush()


def prepare_output() -> None:
    """Have characters that the terminal cannot show written as escapes, such as \\xfc; without any, print nowhere."""
    if sys.stdout is None:  # as of `tcm status >&-`
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - open to the program's end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def lost(error: OSError) -> TcmError:
    """What it means that nobody foresaw an error of the system: it names a file, or what is printed cannot be written.

    The rest of that is given up: Python would try again at its end, and fail once more.
    """
    cause = error.strerror or str(error)
    if error.filename is not None:
        may_not = error.errno in (errno.EACCES, errno.EPERM)
        return TcmError("open", str(error.filename), cause, _MAY_NOT if may_not else "")
    with suppress(OSError):  # where there is no such file there is nothing to give up
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return TcmError("write the answer", "standard output", cause)
