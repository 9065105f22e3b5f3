"""What the daemon says of containers, loggers, operators and itself, in a real InfluxDB."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from monitor.model.clock import rfc3339
from tests.commands import write_files
from tests.daemon import LIMITS, DaemonProcess
from tests.fleet import Logger
from tests.influx import influx_rows, influx_v1
from tests.processes import free_port, wait_until
from tests.servers import Influxd, Mosquitto

S = 10**9
TOLD_S = 20.0
PLANNED_START_NS = 1_577_836_800 * S  # of the leg: 2020-01-01T00:00:00Z
CONTAINER = """
id = "C-1"
title = "Landing platform"
marking = "export controlled"
consignment = "return"
[[logger]]
id = "L-1"
serial = "SN-0042"
model = "TL-3"
place = "base frame"
calibration."temperature.hardware" = {accuracy = "0.3 K", due = 2027-03-02}
calibration."humidity.air" = {accuracy = "2 %RH", due = 2026-12-01}
[[logger]]
id = "L-2"
"""
CONSIGNMENT = """
id = "return"
parties = [{id = "owner-a", title = "A"}, {id = "owner-b", title = "B"}]
[[leg]]
id = "long-road"
phase = "road"
from = "Turin"
to = "Milan"
custodian = "owner-a"
planned_start = 2020-01-01T00:00:00Z
planned_end = 2100-01-01T00:00:00Z
"""
SILENT = """
[[rule]]
id = "silence"
kind = "health"
check = "silent"
for = "1 s"
severity = "warning"
"""
# The same program with shorter ticks, by which silence counts, and a look at everything each second.
QUICK = """
import monitor.consumers.said, monitor.ingest.intake
monitor.ingest.intake.TICK_NS = monitor.consumers.said.STATUS_NS = 10**9
from monitor.cli import main
main()
"""
NOTIFIER = '[[notifier]]\nname = "ops"\nkind = "webhook"\nurl = "http://127.0.0.1:{port}/"\n'


class Told:
    """A daemon of one registered container with two loggers, one of which never speaks, and the database it fills."""

    def __init__(self, folder: Path, broker: Mosquitto, server: Influxd) -> None:
        self._server, self._database = server, f"said-{uuid4().hex}"
        store = influx_v1(server, self._database)
        more = NOTIFIER.format(port=free_port())
        self.daemon = DaemonProcess(folder, broker.url, store, limits=LIMITS + SILENT, more=more, program=("-c", QUICK))
        registered = {"containers/C-1.toml": CONTAINER, "consignments/return.toml": CONSIGNMENT}
        write_files(self.daemon.config.parent, registered)

    def last(self, measurement: str, **wanted: str) -> dict[str, Any]:
        """The latest value of each field under some tags, those that were never written left out."""
        where = " AND ".join(f"\"{tag}\" = '{value}'" for tag, value in wanted.items()) or "time > 0"
        fields = self._rows(f'SHOW FIELD KEYS FROM "{measurement}"')
        names = [name for name, _ in fields]
        wanted_fields = ", ".join(f'last("{name}")' for name in names)  # all at once: what is told goes on changing
        rows = self._rows(f'SELECT {wanted_fields} FROM "{measurement}" WHERE {where}') if names else []
        return {name: value for row in rows for name, value in zip(names, row[1:], strict=True) if value is not None}

    def rows(self, measurement: str, *fields: str) -> list[list[Any]]:
        names = ", ".join(f'"{name}"' for name in fields)  # `by` is a word of InfluxQL's own
        return self._rows(f'SELECT {names} FROM "{measurement}" ORDER BY time')

    def _rows(self, statement: str) -> list[list[Any]]:
        return influx_rows(self._server, self._database, statement)


def test_how_things_stand_is_in_the_store(
    tmp_path: Path, own_mosquitto_server: Mosquitto, influx_server: Influxd
) -> None:
    """Every measurement has rows that say what the files, the loggers and the operators say; a change shows at once."""
    told = Told(tmp_path, own_mosquitto_server, influx_server)
    with told.daemon as daemon, Logger(own_mosquitto_server.port, "L-1", start_ns=time.time_ns() - 60 * S) as logger:
        daemon.start()
        logger.env(time.time_ns() - 60 * S, [[20.0]] * 30)
        logger.send()
        entered = daemon.tcm("log", "custody", "C-1", "owner-b", "--by", "A. Rossi")
        assert entered.returncode == 0, entered.stderr
        wait_until(lambda: bool(told.last("monitor").get("records")), TOLD_S, "a record to be told")
        wait_until(lambda: told.last("container").get("custodian") == "owner-b", TOLD_S, "the custodian to be told")
        wait_until(lambda: "lag_s" in told.last("logger", logger="L-1"), TOLD_S, "how far the logger is behind")
        wait_until(lambda: bool(told.last("container").get("silent_loggers")), TOLD_S, "the silence to be told")

        container = told.last("container", container="C-1", consignment="return")
        assert {key: container[key] for key in ("title", "marking", "limits", "phase", "leg", "armed", "loggers")} == {
            "title": "Landing platform",
            "marking": "export controlled",
            "limits": "test",
            "phase": "road",
            "leg": "long-road",
            "armed": True,
            "loggers": 2,
        }
        assert container["open_alerts"] >= container["silent_loggers"] > 0
        assert container["worst"] >= 2
        one = told.last("logger", container="C-1", logger="L-1")
        assert [one[key] for key in ("place", "serial", "model", "calibration_due", "state", "gap_records")] == [
            *("base frame", "SN-0042", "TL-3", "2026-12-01", "online", 0)
        ]
        assert 25 <= one["lag_s"] < 90
        assert 0 <= one["silent_s"] < 60
        never = told.last("logger", container="C-1", logger="L-2")
        assert (never["state"], never["serial"], "silent_s" in never, "lag_s" in never) == (
            "never heard",
            "",
            False,
            False,
        )
        daemon_said = told.last("monitor", instance="test")
        assert {key: daemon_said[key] for key in ("loggers", "loggers_online", "quarantined", "gap_records")} == {
            "loggers": 2,
            "loggers_online": 1,
            "quarantined": 0,
            "gap_records": 0,
        }
        assert min(daemon_said[key] for key in ("journal_pos", "rss_bytes", "disk_free_bytes", "budget_used_pct")) > 0
        ops = told.last("notifier", instance="test", notifier="ops")
        assert sorted(ops) == ["backlog", "failing", "refused", "told"]

        wait_until(lambda: len(told.rows("journey", "text")) == 2, TOLD_S, "the journey to be told")
        (begun_ns, *by_plan), (_, *by_operator) = told.rows("journey", "phase", "leg", "custodian", "text")
        assert begun_ns == PLANNED_START_NS
        assert by_plan == ["road", "long-road", "owner-a", "road, leg long-road, custodian owner-a"]
        assert by_operator[:3] == ["road", "long-road", "owner-b"]

        logger.say_offline()
        wait_until(
            lambda: told.last("logger", logger="L-1")["state"] == "offline", TOLD_S, "the logger's state to be told"
        )


def test_operators_records_are_in_the_store(
    tmp_path: Path, own_mosquitto_server: Mosquitto, influx_server: Influxd
) -> None:
    """Each once, at the time from which it is effective, also two of one type at one time; the audit expects them."""
    told = Told(tmp_path, own_mosquitto_server, influx_server)
    at_ns = (time.time_ns() // S - 3600) * S
    entries = [
        {"type": "phase", "phase": "air", "remark": 'on board of "AZ 1"'},
        {"type": "seal", "number": "4711"},
        {"type": "seal", "number": "4712"},
        {"type": "open"},
    ]
    with told.daemon as daemon:
        initialised = daemon.tcm("store", "init")
        assert initialised.returncode == 0, initialised.stderr
        daemon.start()
        for entry in entries:
            content = {"container": "C-1", "by": "A. Rossi", "effective_at": rfc3339(at_ns)} | entry
            assert daemon.post("/api/operator", json.dumps(content).encode())[0] == 200
        wait_until(lambda: len(told.rows("operator", "text")) == len(entries), TOLD_S, "the records to be written")
        rows = told.rows("operator", "container", "type", "by", "value", "text")
        assert [time_ns // 1000 * 1000 for time_ns, *_ in rows] == [at_ns] * len(entries)
        assert sorted((row[1:] for row in rows), key=str) == [
            ["C-1", "open", "A. Rossi", None, "open by A. Rossi"],
            ["C-1", "phase", "A. Rossi", "air", 'phase air by A. Rossi: on board of "AZ 1"'],
            ["C-1", "seal", "A. Rossi", "4711", "seal 4711 by A. Rossi"],
            ["C-1", "seal", "A. Rossi", "4712", "seal 4712 by A. Rossi"],
        ]
        daemon.wait_settled(0)
        audit = daemon.tcm("store", "audit", "--dry-run", "--json")
        assert audit.returncode == 0, audit.stdout
        figures = json.loads(audit.stdout)["measurements"]
        assert (figures["operator"]["expected"], figures["operator"]["found"]) == (4, 4)
        assert {name: each["extra"] for name, each in figures.items()} == dict.fromkeys(figures, 0)
