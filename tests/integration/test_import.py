"""`tcm import`: a recording enters the journal as if its logger had sent it, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import REPOSITORY
from tests.daemon import DaemonProcess, running_daemon
from tests.processes import HOST, free_port
from tests.servers import Mosquitto

RECORDING = REPOSITORY / "tests" / "data" / "recordings" / "ssx70065"
FILES = {
    "environment.csv": {"records": 1, "readings": 14, "events": 0},
    "accel_ch32.csv.gz": {"records": 1, "readings": 0, "events": 1},
}
OPTIONS = ("--container", "C-101", "--logger", "L-01", "--start", "2026-11-23T06:00:00Z", "--json")
RECORDS = "SELECT kind, boot, seq, topic, payload FROM records WHERE kind IN ('env', 'shock') ORDER BY kind"


def import_all(daemon: DaemonProcess) -> None:
    for name, counts in FILES.items():
        done = daemon.tcm("import", str(RECORDING / name), *OPTIONS)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == counts


def test_the_same_records_through_a_daemon_and_without_one(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Twice adds nothing, whichever way; the daemon that starts afterwards judges what was put there without it."""
    with running_daemon(tmp_path / "live", own_mosquitto_server.url) as live:
        import_all(live)
        import_all(live)
        live.wait_settled(2)
        through = live.rows("journal.db", RECORDS)
        (alert,) = live.get("/api/alerts")[1]
        assert alert["rule"] == "knock"
        assert live.stop() == 0
        import_all(live)
        assert live.rows("journal.db", RECORDS) == through

    with DaemonProcess(tmp_path / "direct", own_mosquitto_server.url) as direct:
        import_all(direct)
        import_all(direct)
        assert direct.rows("journal.db", RECORDS) == through
        direct.start()
        direct.wait_settled(2)
        (same,) = direct.get("/api/alerts")[1]
        assert same["id"] == alert["id"]
        assert direct.get("/api/status")[1]["ingest"]["records"] == 2


BROKEN = {
    "value": (
        "environment.csv",
        "t_s,quantity,unit,value\n0,pressure_a,Pa,1\n1,pressure_a,Pa,high\n",
        "environment.csv:3",
    ),
    "unit": ("environment.csv", "t_s,quantity,unit,value\n0,pressure_a,hPa,1\n", "environment.csv:2"),
    "header": ("environment.csv", "time,value\n0,1\n", "environment.csv:1"),
    "empty": ("environment.csv", "", "environment.csv:1"),
    "no readings": ("environment.csv", "t_s,quantity,unit,value\n", "environment.csv"),
    "rate": ("accel_a.csv", "# nominal sample rate fast Hz\nt_s,x_g,y_g,z_g\n0,0,0,1\n", "accel_a.csv:1"),
    "sample": ("accel_a.csv", "# nominal sample rate 10 Hz\nt_s,x_g,y_g,z_g\n0,0,0,1\n0.1,0,x,1\n", "accel_a.csv:4"),
    "infinite": ("accel_a.csv", "# nominal sample rate 10 Hz\nt_s,x_g,y_g,z_g\n0,0,0,inf\n", "accel_a.csv:3"),
    "time": ("environment.csv", "t_s,quantity,unit,value\nnan,pressure_a,Pa,1\n", "environment.csv:2"),
    "place": ("environment.csv", "t_s,quantity,unit,value\n0,pressure_a b,Pa,1\n", "environment.csv:2"),
    "endless": ("environment.csv", "t_s,quantity,unit,value\ninf,pressure_a,Pa,1\n", "environment.csv:2"),
    "negative": ("environment.csv", "t_s,quantity,unit,value\n-9e18,pressure_a,Pa,1\n", "environment.csv:2"),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> DaemonProcess:
    """A state directory without a daemon."""
    return DaemonProcess(tmp_path_factory.mktemp("stopped"), f"mqtt://{HOST}:{free_port()}")


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_one_message_and_imports_nothing(stopped: DaemonProcess, tmp_path: Path, what: str) -> None:
    """Exit status 2, the file and the line."""
    name, text, place = BROKEN[what]
    (tmp_path / name).write_text(text)
    done = stopped.tcm("import", str(tmp_path / name), *OPTIONS)
    assert done.returncode == 2
    assert place in done.stderr
    assert not (stopped.state_dir / "journal.db").exists()


def test_a_daemon_refuses_a_broken_file_in_the_same_words(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Also a name that is no identifier, a time without zone, and a file that is not there; it goes on."""
    name, text, place = BROKEN["value"]
    (tmp_path / name).write_text(text)
    good = str(RECORDING / "environment.csv")
    with running_daemon(tmp_path, own_mosquitto_server.url) as daemon:
        for arguments, said in (
            ((str(tmp_path / name), *OPTIONS), place),
            ((good, "--container", "C 1", "--logger", "L-01"), "expected an identifier"),
            ((good, "--container", "C-1", "--logger", "L-01", "--start", "2026-11-23T06:00:00"), "time zone"),
            ((good, "--container", "C-1", "--logger", "L-01", "--start", "1926-11-23T06:00:00Z"), "t0: expected"),
            (("nowhere.csv", *OPTIONS), "nowhere.csv"),
        ):
            done = daemon.tcm("import", *arguments)
            assert done.returncode == 2
            assert said in done.stderr
        assert daemon.status()["ingest"]["records"] == 0
        assert daemon.answers("/readyz")
