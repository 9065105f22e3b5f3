"""`tcm`: one file for each group of commands. Heavy imports stand where they are used, so `--help` answers at once."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Entry point: exit status 0 ok, 1 the answer is no, 2 wrong use or configuration, 130 ended by Ctrl-C."""
    # Set before NumPy is imported. Its matrices here are small: more threads spin beside one that works, so that an
    # event costs 115 ms of processor time instead of 28.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        if sys.argv[1:2] == ["run"]:
            # until it listens to them
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        import sqlite3

        from monitor.cli.commands import app
        from monitor.cli.output import fail
        from monitor.cli.written import lost, prepare_output
        from monitor.model.errors import Conflict, TcmError

        prepare_output()
        try:
            app()
        except TcmError as error:
            fail(error, 1 if isinstance(error, Conflict) else 2)
        except OSError as error:
            if sys.argv[1:2] == ["run"]:
                raise  # of a daemon the log needs all of it
            fail(lost(error))
        except sqlite3.Error as error:
            hint = "a full disk, or a damaged file: watch.db, store.db and notify.db may be moved away, journal.db not"
            fail(TcmError("use the state directory", "", str(error), hint))
    except KeyboardInterrupt:
        sys.exit(130)
