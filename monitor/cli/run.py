"""`tcm run`: the daemon."""

from __future__ import annotations

import logging
import sys
import threading

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, load


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the daemon until SIGTERM or Ctrl-C. Example: tcm run --config /etc/tcm/monitor.toml"""
    from monitor.supervise import end_on_signal, leave, leave_later

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    ended = threading.Event()
    end_on_signal(ended)
    from monitor.app import Daemon  # slow; a signal meanwhile is not lost
    from monitor.warming import load_kernel

    daemon = Daemon(load(config), ended=ended)
    try:
        if not ended.is_set():
            load_kernel(daemon.config.state_dir)
            daemon.start()
            place = daemon.config.state_dir
            logging.getLogger("monitor").info("listening on http://%s, state in %s", daemon.address, place)
        daemon.wait()
    except BaseException:
        leave_later()
        raise
    finally:
        daemon.stop()
    leave()
