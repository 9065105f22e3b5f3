"""What a running daemon takes up of a configuration that was loaded anew."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from monitor.app import Daemon
from monitor.config import Config
from monitor.config.reload import taken_up
from tests.desks import WAIT_S
from tests.reloads import LIMITS, SETTINGS, loaded

STORE = 'kind = "influxdb"\nurl = "http://a:1"\ndialect = "v1"\ndatabase = "d"'
SOURCE = """
[[source]]
topic = "site/senml"
format = "senml-json"
container = "C-1"
logger = "L-1"
channels = {"temp" = "temperature.air"}
"""


def test_what_changes_a_result_is_taken_up_as_a_whole(tmp_path: Path) -> None:
    running = loaded(tmp_path)
    assert running.digest  # known before: a copy of the rules must not keep it
    anew = loaded(tmp_path, SETTINGS + '[alerts]\nhold_off = "5 min"\n', LIMITS.replace("25", "26"))
    assert anew.digest
    config, restart = taken_up(running, anew)
    assert (config.rules, config.digest, restart) == (anew.rules, anew.digest, [])
    assert config.rules.alerts.hold_off_s == 300
    assert taken_up(config, anew)[0].digest == config.digest


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('instance = "one"', 'instance = "two"', "instance"),
        ('state_dir = "var"', 'state_dir = "other"', "state_dir"),
        ("127.0.0.1:1883", "127.0.0.1:1884", "mqtt.url"),
        ("[ingest]", '[web]\nlisten = "127.0.0.1:1"\n[ingest]', "web.listen"),
        ("[ingest]", '[journal]\nbudget = "5 GB"\n[ingest]', "journal.budget"),
        ("[ingest]", f"[store]\n{STORE}\n[ingest]", "store.kind"),
        ('"test"\n', f'"test"\n{SOURCE}', "source"),
        ('"test"\n', '"test"\n[[notifier]]\nname = "n"\nkind = "webhook"\nurl = "http://a:1"\n', "notifier"),
    ],
)  # fmt: skip
def test_what_needs_a_restart_stays_and_is_named(tmp_path: Path, before: str, after: str, key: str) -> None:
    running = loaded(tmp_path)
    config, restart = taken_up(running, loaded(tmp_path, SETTINGS.replace(before, after)))
    assert key in restart
    assert config == running
    assert config.digest == running.digest


def test_a_reload_ends_nothing(tmp_path: Path) -> None:
    """Whatever it meets: what watches goes on, and the next one is heard."""
    hangup, asked = threading.Event(), threading.Semaphore(0)

    def load() -> Config:
        asked.release()
        raise RuntimeError("nobody thought of this")

    daemon = Daemon(loaded(tmp_path, SETTINGS + '[web]\nlisten = "127.0.0.1:0"\n'), hangup=hangup, load=load)
    daemon.start()
    try:
        for _ in range(2):
            hangup.set()
            assert asked.acquire(timeout=WAIT_S)
        assert not daemon.wait(0)
    finally:
        daemon.stop()
