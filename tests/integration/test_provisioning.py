"""Grafana's provisioning: its alert rules asked of a real InfluxDB, and nothing in the files that it would misread."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

import pytest
from ruamel.yaml import YAML

from tests.commands import REPOSITORY
from tests.influx import influx_rows
from tests.servers import Influxd

FOLDER = REPOSITORY / "dashboards" / "provisioning"
FILES = sorted(FOLDER.glob("*/*.yaml"))
SOURCES = [file for file in FILES if file.parent.name in ("datasources", "other-servers")]
HOUR_S = 3600
DAY_S = 24 * HOUR_S


def test_a_container_without_readings_for_half_a_day_is_found(influx_server: Influxd) -> None:
    """The rule looks at the last of four half days: 0 for one that has stopped; one long gone is not looked at."""
    now_s = int(time.time())
    hours_ago = {"sending": (1, 13), "stopped": (13, 20), "long-gone": (49,)}
    lines = [
        f"env,container={name},logger=L-1 temperature_air_c=20 {now_s - hours * HOUR_S}"
        for name, ages in hours_ago.items()
        for hours in ages
    ]
    rows = influx_rows(influx_server, _filled(influx_server, lines), _query("tcm-container-no-data"))
    counts = [row[-1] for row in rows]  # of each container the oldest half day first
    sending, stopped = counts[:4], counts[4:]
    assert sending == [0, 0, 1, 1]
    assert stopped == [0, 0, 2, 0]


def test_a_daemon_that_says_nothing_is_found(influx_server: Influxd) -> None:
    """The rule looks at the last five minutes of each: another gateway that writes into the database hides nothing."""
    now_s = int(time.time())
    silent, talking = f"monitor,instance=a records=1 {now_s - 330}", f"monitor,instance=b records=1 {now_s - 10}"
    rows = influx_rows(influx_server, _filled(influx_server, [silent, talking]), _query("tcm-daemon-silent"))
    counts = [row[-1] for row in rows]  # of each the oldest five minutes first
    assert len(counts) == 2 * DAY_S // 300
    of_silent, of_talking = counts[: len(counts) // 2], counts[len(counts) // 2 :]
    assert (of_silent[-2:], of_talking[-2:]) == ([1, 0], [0, 1])


def test_a_day_without_a_word_is_an_alert(influx_server: Influxd) -> None:
    now_s = int(time.time())
    long_gone = _filled(influx_server, [f"monitor,instance=g records=1 {now_s - DAY_S - 1}"])
    assert influx_rows(influx_server, long_gone, _query("tcm-daemon-silent")) == []
    assert _rules()["tcm-daemon-silent"]["noDataState"] == "Alerting"


def test_pages_and_rules_lie_in_one_folder() -> None:
    """Both find it by its title: the rules know no uid, and with one for the pages there would be two such folders."""
    (provider,) = _read(FOLDER / "dashboards" / "tcm.yaml")["providers"]
    (group,) = _read(FOLDER / "alerting" / "tcm.yaml")["groups"]
    assert provider["folder"] == group["folder"]
    assert "folderUid" not in provider


def test_each_rule_ends_in_a_condition_made_of_its_own_queries() -> None:
    for uid, rule in _rules().items():
        steps = {step["refId"]: step for step in rule["data"]}
        assert rule["condition"] in steps, uid
        assert all(step["model"]["refId"] == name for name, step in steps.items()), uid
        used = {step["model"]["expression"] for step in steps.values() if "expression" in step["model"]}
        assert used <= set(steps), uid
        assert {step["datasourceUid"] for step in steps.values()} == {"__expr__", _source(SOURCES[0])["uid"]}, uid


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dollar_sign_is_only_before_a_variable_of_the_environment(file: Path) -> None:
    """Grafana replaces every other one by nothing: `$timeFilter` of a query, `$labels` of an alert's text."""
    for line in file.read_text().splitlines():
        rest = re.sub(r"\$\{TCM_[A-Z_]+\}|\$__file\{/[\w./-]+\}", "", line)
        assert "$" not in rest, line


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_every_kind_of_server_is_the_same_data_source(file: Path) -> None:
    """By one id, so that alert rules find it; its secret comes from a file."""
    source = _source(file)
    assert (source["type"], source["uid"], source["access"]) == ("influxdb", "tcm", "proxy")
    assert source["jsonData"]["dbName"] == "${TCM_INFLUXDB_DATABASE}"
    assert all("$__file{/etc/grafana/" in secret for secret in source["secureJsonData"].values())


def _rules() -> dict[str, Any]:
    (group,) = _read(FOLDER / "alerting" / "tcm.yaml")["groups"]
    return {rule["uid"]: rule for rule in group["rules"]}


def _query(uid: str) -> str:
    """What a rule asks InfluxDB."""
    (query,) = (step["model"]["query"] for step in _rules()[uid]["data"] if "query" in step["model"])
    return str(query)


def _source(file: Path) -> Any:
    (source,) = _read(file)["datasources"]
    return source


def _read(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text())


def _filled(server: Influxd, lines: list[str]) -> str:
    """A new database with these points, times in s."""
    database = f"provisioned-{uuid4().hex[:8]}"
    _post(f"{server.url}/query", {"q": f'CREATE DATABASE "{database}"'}, b"")
    _post(f"{server.url}/write", {"db": database, "precision": "s"}, "\n".join(lines).encode())
    return database


def _post(url: str, parameters: dict[str, str], body: bytes) -> None:
    with urlopen(f"{url}?{urlencode(parameters)}", data=body, timeout=30) as answer:
        answer.read()
