"""`tcm store init`: what it makes on each kind of server, that a second run changes nothing, and whom it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import StoreSettings
from monitor.model.clock import NS_PER_S
from monitor.model.errors import TcmError
from monitor.sinks.opening import open_influx
from monitor.sinks.server import identify
from monitor.sinks.setup import set_up
from tests.commands import tcm
from tests.daemon import DaemonProcess
from tests.influx import ask, secret
from tests.influx_gateway import served
from tests.influx_management import ADMIN, Management
from tests.servers import Influxd, VictoriaMetrics, influxd

DAY_S = 86_400
KEPT = 'retention = "90 d"\nlong_retention = "3650 d"\n'


def configured(folder: Path, store: str) -> Path:
    """A configuration with this table [store]."""
    return DaemonProcess(folder, "mqtt://127.0.0.1", store).config


def init(config: Path, *options: str) -> dict[str, str]:
    """What was done with what."""
    done = tcm("store", "init", "--config", str(config), "--json", *options)
    assert done.returncode == 0, done.stderr
    return {step["what"]: step["done"] for step in json.loads(done.stdout)["steps"]}


def refused(config: Path, *options: str) -> str:
    done = tcm("store", "init", "--config", str(config), *options)
    assert done.returncode == 2
    return " ".join(done.stderr.split())


def copy_for(server: Influxd, database: str, range_ms: float) -> list[str]:
    """What a dashboard asks: where to read for a time range of this length."""
    found = ask(
        server,
        f'SELECT "database" FROM "copies" WHERE {range_ms:.0f} > "from_ms" AND {range_ms:.0f} <= "to_ms"',
        database,
    )
    return [row[1] for row in found]


class TestInflux1:
    def store(self, server: Influxd, name: str, more: str = KEPT) -> str:
        return f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v1"\ndatabase = "{name}"\n{more}'

    def test_makes_and_finds_again(self, tmp_path: Path, influx_server: Influxd) -> None:
        """Databases with their retentions and the table of copies; a second run finds them as they should be."""
        name = f"init-{uuid4().hex}"
        config = configured(tmp_path, self.store(influx_server, name))
        made, again = init(config), init(config)
        assert made == {
            f"database {name}": "made, kept for 90 d",
            f"database {name}_long": "made, kept for 3650 d",
            "table copies": f"written, {name}_long for long ranges",
        }
        assert again == {what: done.replace("made", "stands") for what, done in made.items()}
        for database, hours in ((name, 90 * 24), (f"{name}_long", 3650 * 24)):
            assert [row[1] for row in ask(influx_server, f'SHOW RETENTION POLICIES ON "{database}"')] == [
                f"{hours}h0m0s"
            ]
        assert copy_for(influx_server, name, 3600e3) == copy_for(influx_server, name, 2 * DAY_S * 1e3) == [name]
        assert (
            copy_for(influx_server, name, 2 * DAY_S * 1e3 + 1)
            == copy_for(influx_server, name, 9e13)
            == [f"{name}_long"]
        )

    def test_without_a_copy(self, tmp_path: Path, influx_server: Influxd) -> None:
        """Then dashboards are led to the readings for every range; without a retention all is kept for ever."""
        name = f"init-{uuid4().hex}"
        assert init(configured(tmp_path, self.store(influx_server, name, "long = false"))) == {
            f"database {name}": "made, kept for ever",
            "table copies": "written, no copy for long ranges",
        }
        assert copy_for(influx_server, name, 3600e3) == copy_for(influx_server, name, 9e13) == [name]

    @pytest.mark.parametrize("retention", ["", 'retention = "30 d"'])
    def test_makes_the_policy_that_is_missing(self, tmp_path: Path, influx_server: Influxd, retention: str) -> None:
        """Dropped, or not made by the server itself; also where one stands that is not the default."""
        name = f"init-{uuid4().hex}"
        config = configured(tmp_path, self.store(influx_server, name, f"long = false\n{retention}"))
        ask(influx_server, f'CREATE DATABASE "{name}"')
        for dropped in ("autogen", "other"):
            if dropped == "other":
                ask(influx_server, f'CREATE RETENTION POLICY other ON "{name}" DURATION 1d REPLICATION 1 DEFAULT')
            ask(influx_server, f'DROP RETENTION POLICY {dropped} ON "{name}"')
            made = init(config)[f"database {name}"]
            assert made == f"its retention policy made, kept for {'30 d' if retention else 'ever'}"
            assert init(config)[f"database {name}"] == made.replace("its retention policy made", "stands")

    def test_a_policy_that_becomes_the_default_is_not_shortened(self, tmp_path: Path, influx_server: Influxd) -> None:
        """Points stand in it: they go only where that is asked for."""
        name = f"init-{uuid4().hex}"
        config = configured(tmp_path, self.store(influx_server, name, 'long = false\nretention = "30 d"'))
        ask(influx_server, f'CREATE DATABASE "{name}"')
        ask(influx_server, f'CREATE RETENTION POLICY other ON "{name}" DURATION 1d REPLICATION 1 DEFAULT')
        ask(influx_server, f'DROP RETENTION POLICY other ON "{name}"')
        assert "--shorten" in refused(config)
        assert ask(influx_server, f'SHOW RETENTION POLICIES ON "{name}"')[0][1] == "0s"
        assert init(config, "--shorten")[f"database {name}"] == "changed, kept for 30 d (was kept for ever)"

    def test_changes_a_retention(self, tmp_path: Path, influx_server: Influxd) -> None:
        """A longer one at once, a shorter one (also below a shard's 7 days) only when it is asked for; none: none."""
        name = f"init-{uuid4().hex}"
        ask(influx_server, f'CREATE DATABASE "{name}"')

        def kept_for(text: str) -> Path:
            return configured(tmp_path, self.store(influx_server, name, f'long = false\nretention = "{text}"'))

        said = refused(kept_for("3 d"))
        assert "it is kept for ever, by the configuration kept for 3 d" in said
        assert "--shorten" in said
        assert ask(influx_server, f'SHOW RETENTION POLICIES ON "{name}"')[0][1] == "0s"
        assert init(kept_for("3 d"), "--shorten")[f"database {name}"] == "changed, kept for 3 d (was kept for ever)"
        assert init(kept_for("30 d"))[f"database {name}"] == "changed, kept for 30 d (was kept for 3 d)"
        assert (
            init(configured(tmp_path, self.store(influx_server, name, "")))[f"database {name}"]
            == "stands, kept for 30 d"
        )

    @settings(max_examples=15)
    @given(runs=st.lists(st.tuples(st.none() | st.integers(1, 4000), st.booleans()), max_size=5))
    def test_one_run_is_enough(self, influx_server: Influxd, runs: list[tuple[int | None, bool]]) -> None:
        """Whatever stood before: what is configured stands, unless points would go that nobody has given up."""
        name, standing_h = f"init-{uuid4().hex}", None
        for number, (hours, may_shorten) in enumerate(runs):
            store = StoreSettings.model_validate(
                {"kind": "influxdb", "url": influx_server.url, "dialect": "v1", "database": name, "long": False}
                | ({"retention": f"{hours} h"} if hours else {})
            )
            is_shorter = hours is not None and (standing_h is None or hours < standing_h) and number > 0
            with closing(open_influx(store)) as sink:
                if is_shorter and not may_shorten:
                    with pytest.raises(TcmError, match="--shorten"):
                        list(set_up(sink, identify(sink.client), store))
                else:
                    standing_h = hours or standing_h
                    for _ in range(2):
                        list(set_up(sink, identify(sink.client), store, may_shorten=may_shorten))
                assert sink.retention_ns() == (standing_h or 0) * 3600 * NS_PER_S

    def test_needs_an_administrator(self, tmp_path: Path) -> None:
        """Whom the daemon writes as may not make anything, and need not: the administrator does so once."""
        with influxd(asks_login=True) as server:
            login = f'username = "tcm"\npassword_file = "{secret(tmp_path, "daemonpw")}"\n'
            config = configured(tmp_path, self.store(server, "tcm", login))
            assert "make the server's first administrator: deploy/influxdb/make-users" in refused(config)
            ask(server, "CREATE USER root WITH PASSWORD 'rootpw' WITH ALL PRIVILEGES")
            root = {"u": "root", "p": "rootpw"}
            ask(server, "CREATE USER tcm WITH PASSWORD 'daemonpw'", **root)
            assert "requires admin privilege" in refused(config)
            administrator = ("--username", "root", "--password-file", str(secret(tmp_path, "rootpw")))
            assert init(config, *administrator)["database tcm"] == "made, kept for ever"
            for database in ("tcm", "tcm_long"):
                ask(server, f'GRANT ALL ON "{database}" TO tcm', **root)
            assert init(config)["database tcm"] == "stands, kept for ever"


@pytest.fixture
def management(influx_server: Influxd) -> Iterator[Management]:
    gateway = Management(influx_server.port, "acme", "", "daemon-token")
    with served(gateway):
        yield gateway


class TestInflux2And3:
    """By their published interfaces: neither server is to be had here."""

    def store(self, folder: Path, server: Management, name: str, more: str = KEPT) -> Path:
        token = secret(folder, server.token)
        return configured(
            folder,
            f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v2"\norg = "acme"\nbucket = "{name}"\n'
            f'token_file = "{token}"\n{more}',
        )

    def test_makes_buckets_and_mappings(self, tmp_path: Path, management: Management, influx_server: Influxd) -> None:
        """Each bucket is found by InfluxQL under its own name; a second run makes nothing."""
        name = f"init-{uuid4().hex}"
        config, admin = self.store(tmp_path, management, name), ("--token-file", str(secret(tmp_path, ADMIN)))
        made = init(config, *admin)
        assert made == {
            f"bucket {name}": "made, kept for 90 d",
            f"mapping of database {name}": "made",
            f"bucket {name}_long": "made, kept for 3650 d",
            f"mapping of database {name}_long": "made",
            "table copies": f"written, {name}_long for long ranges",
        }
        assert [one["retentionRules"][0]["everySeconds"] for one in management.buckets.values()] == [
            90 * DAY_S, 3650 * DAY_S,
        ]  # fmt: skip
        assert all(one["default"] for one in management.mappings)
        count = len(management.made)
        again = init(config, *admin)
        assert again == {what: done.replace("made", "stands") for what, done in made.items()}
        assert len(management.made) == count
        assert copy_for(influx_server, name, 9e13) == [f"{name}_long"]

    def test_changes_a_retention(self, tmp_path: Path, management: Management) -> None:
        """As of InfluxDB 1: shorter only when it is asked for."""
        name, admin = f"init-{uuid4().hex}", ("--token-file", str(secret(tmp_path, ADMIN)))
        init(self.store(tmp_path, management, name), *admin)
        shorter = self.store(tmp_path, management, name, 'retention = "30 d"')
        assert "--shorten" in refused(shorter, *admin)
        assert init(shorter, *admin, "--shorten")[f"bucket {name}"] == "changed, kept for 30 d (was kept for 90 d)"
        assert management.buckets[name]["retentionRules"][0]["everySeconds"] == 30 * DAY_S

    def test_says_who_may_not(self, tmp_path: Path, management: Management) -> None:
        """The daemon's token may write and not make; an organisation that is not there is named."""
        config = self.store(tmp_path, management, "tcm")
        assert "insufficient permissions" in refused(config)
        management.org = "other"
        assert "there is no such organisation" in refused(config, "--token-file", str(secret(tmp_path, ADMIN)))

    def test_leaves_the_mapping_of_another_bucket(self, tmp_path: Path, management: Management) -> None:
        """To lead the database's readers elsewhere is not for this command to decide."""
        management.mappings.append({"database": "tcm", "bucketID": "other", "default": True})
        config = self.store(tmp_path, management, "tcm")
        assert "leads to another bucket, other" in refused(config, "--token-file", str(secret(tmp_path, ADMIN)))

    @pytest.mark.parametrize("answer", [[], {"buckets": [{"name": "tcm", "retentionRules": [{}]}]}, {"buckets": [1]}])
    def test_answers_that_are_none(self, tmp_path: Path, management: Management, answer: Any) -> None:
        """Of a proxy, or of a server that only calls itself InfluxDB."""
        config = self.store(tmp_path, management, "tcm")
        with patch.object(management, "_answer", lambda *_: answer):
            said = refused(config, "--token-file", str(secret(tmp_path, ADMIN)))
        assert "an answer that is none of InfluxDB v2.7.11's" in said

    def test_influxdb_3(self, tmp_path: Path, management: Management, influx_server: Influxd) -> None:
        """Databases with their retentions; they cannot be changed, so they stand as they are."""
        management.version = "3.8.0"
        name = f"init-{uuid4().hex}"
        config, admin = self.store(tmp_path, management, name), ("--token-file", str(secret(tmp_path, ADMIN)))
        assert init(config, *admin)[f"database {name}"] == "made, kept for 90 d"
        assert init(config, *admin)[f"database {name}"].startswith("stands")
        assert management.databases == {name: f"{90 * DAY_S}s", f"{name}_long": f"{3650 * DAY_S}s"}
        assert copy_for(influx_server, name, 3600e3) == [name]


def test_victoria_metrics_needs_nothing(tmp_path: Path, metrics_server: VictoriaMetrics) -> None:
    store = f'kind = "influxdb"\nurl = "{metrics_server.url}"\ndialect = "v2"\norg = "tcm"\nbucket = "tcm"'
    (step,) = init(configured(tmp_path, store)).items()
    assert step[0] == "VictoriaMetrics"
    assert "nothing to make" in step[1]


def test_the_embedded_store_needs_nothing(tmp_path: Path) -> None:
    assert "makes its file itself" in refused(configured(tmp_path, 'kind = "embedded"'))


def test_wrong_dialect(tmp_path: Path, influx_server: Influxd) -> None:
    """Nothing is tried on a server of another kind."""
    store = f'kind = "influxdb"\nurl = "{influx_server.url}"\ndialect = "v2"\norg = "tcm"\nbucket = "tcm"'
    assert "has databases, not buckets: expected dialect v1" in refused(configured(tmp_path, store))
    assert "expected with dialect v2" in refused(
        configured(tmp_path, store.replace("v2", "v1") + '\ndatabase = "tcm"'), "--token-file", "admin.token"
    )
