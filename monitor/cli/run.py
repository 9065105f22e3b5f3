"""`tcm run`: the daemon."""

from __future__ import annotations

import logging
import sys
import threading

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, load


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP has it take up changed files. Example: tcm run"""
    from monitor.supervise import end_on_signal, leave, leave_later

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    ended, hangup = threading.Event(), threading.Event()
    end_on_signal(ended, hangup)
    from monitor.app import Daemon  # slow; a signal meanwhile is not lost
    from monitor.warming import load_kernel

    daemon = Daemon(load(config), ended=ended, hangup=hangup, load=lambda: load(config))
    try:
        if not ended.is_set():
            place = daemon.service.config.state_dir
            load_kernel(place)
            daemon.start()
            logging.getLogger("monitor").info("listening on http://%s, state in %s", daemon.address, place)
        daemon.wait()
    except BaseException:
        leave_later()
        raise
    finally:
        daemon.stop()
    leave()
