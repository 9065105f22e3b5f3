"""`tcm run`: the daemon."""

from __future__ import annotations

import logging
import signal
import sys

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, load


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the daemon until SIGTERM or Ctrl-C. Example: tcm run --config /etc/tcm/monitor.toml"""
    from monitor.app import Daemon

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    daemon = Daemon(load(config))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.request_stop())
    daemon.start()
    logging.getLogger("monitor").info("listening on http://%s, state in %s", daemon.address, daemon.config.state_dir)
    try:
        daemon.wait()
    finally:
        daemon.stop()
