"""`tcm check --connect` says in which way the store cannot be used, under its key, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.authority import EXPIRED, Authority
from tests.checked import check
from tests.daemon import DaemonProcess
from tests.influx import ask, secret
from tests.influx_gateway import Gateway, served
from tests.influx_management import ADMIN, Management
from tests.processes import HOST, free_port
from tests.servers import Influxd, Mosquitto, VictoriaMetrics, influxd

Store = Callable[[str], str]


def v1(url: str, more: str = "") -> str:
    return f'kind = "influxdb"\nurl = "{url}"\ndialect = "v1"\ndatabase = "tcm"\n{more}'


def v2(url: str, more: str = "") -> str:
    return f'kind = "influxdb"\nurl = "{url}"\ndialect = "v2"\norg = "acme"\nbucket = "tcm"\n{more}'


class Website(Gateway):
    """A server of pages, which says the same of every address."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(0, "", "", "")
        self.said = status, {"Content-Type": "text/html"} | headers, b"<html><title>Welcome</title></html>"

    def reply(self, *_request: object) -> tuple[int, dict[str, str], bytes]:
        return self.said


class TestStore:
    @pytest.fixture
    def broker_url(self, mosquitto_server: Mosquitto) -> str:
        return mosquitto_server.url

    @pytest.fixture
    def management(self, influx_server: Influxd) -> Iterator[Management]:
        gateway = Management(influx_server.port, "acme", "", "daemon-token")
        with served(gateway):
            yield gateway

    def test_a_certificate_that_expired(self, tmp_path: Path, broker_url: str, authority: Authority) -> None:
        """With a good one of an authority of one's own nothing is wrong."""
        with influxd(tls=authority.issue("old store", EXPIRED)) as server:
            errors = check(
                tmp_path / "old",
                broker_url,
                v1(f"https://{HOST}:{server.port}", f'ca_file = "{authority.ca_file}"'),
            ).errors
            assert list(errors) == ["store.url"]
            assert "its certificate has expired: have it renewed" in errors["store.url"]
        with influxd(tls=authority.issue("store")) as server:
            url = f"https://{HOST}:{server.port}"
            assert check(tmp_path / "good", broker_url, v1(url, f'ca_file = "{authority.ca_file}"')).errors == {}
            assert "not known here" in check(tmp_path / "unknown", broker_url, v1(url)).errors["store.ca_file"]
            plain = check(tmp_path / "plain", broker_url, v1(f"http://{HOST}:{server.port}")).errors
            assert "it speaks TLS on this port: use https://" in plain["store.url"]

    def test_nobody_there(self, tmp_path: Path, broker_url: str) -> None:
        errors = check(tmp_path, broker_url, v1(f"http://{HOST}:{free_port()}")).errors
        assert "refused" in errors["store.url"]

    @pytest.mark.parametrize("store", [v1, v2])
    @pytest.mark.parametrize(("status", "headers"), [(200, {}), (404, {}), (302, {"Location": "/login"})])
    def test_a_web_server_there(
        self, tmp_path: Path, broker_url: str, store: Store, status: int, headers: dict[str, str]
    ) -> None:
        """As Grafana and others answer; `tcm store init` says the same."""
        website = Website(status, headers)
        with served(website):
            errors = check(tmp_path, broker_url, store(website.url)).errors
            assert list(errors) == ["store.url"]
            assert f"status {status}" in errors["store.url"]
            assert "InfluxDB" in errors["store.url"].partition("status")[2]
            assert "<html>" not in errors["store.url"]
            done = DaemonProcess(tmp_path, broker_url, store(website.url)).tcm("store", "init")
            assert (done.returncode, f"status {status}" in " ".join(done.stderr.split())) == (2, True)

    def test_a_server_that_asks_everybody_for_a_login(self, tmp_path: Path, broker_url: str) -> None:
        """Before it says which it is, as InfluxDB 3 does and InfluxDB 1 with `ping-auth-enabled`."""
        website = Website(401, {})
        with served(website):
            assert list(check(tmp_path, broker_url, v1(website.url)).errors) == ["store.username"]
            token = f'token_file = "{secret(tmp_path, "unknown")}"'
            errors = check(tmp_path, broker_url, v2(website.url, token)).errors
        assert "expected a login that the server knows" in errors["store.token_file"]

    def test_a_broker_there(self, tmp_path: Path, broker_url: str, mosquitto_server: Mosquitto) -> None:
        errors = check(tmp_path, broker_url, v1(f"http://{HOST}:{mosquitto_server.port}")).errors
        assert "is the server up, and this its port?" in errors["store.url"]

    def test_v2_on_an_old_server(self, tmp_path: Path, broker_url: str, influx_server: Influxd) -> None:
        """Which dialect it is instead, and the keys that go with it."""
        errors = check(tmp_path, broker_url, v2(influx_server.url)).errors
        assert list(errors) == ["store.dialect"]
        assert "InfluxDB 1.6.7" in errors["store.dialect"]
        assert "expected dialect v1 with database" in errors["store.dialect"]

    @pytest.mark.parametrize("token", ["wrong", "daemon-token"])
    def test_v2_on_one_that_could_take_it(
        self, tmp_path: Path, broker_url: str, management: Management, token: str
    ) -> None:
        """InfluxDB 1.8 and later have /api/v2/write, and databases all the same; whatever the login."""
        management.version = "1.11.8"
        errors = check(tmp_path, broker_url, v2(management.url, f'token_file = "{secret(tmp_path, token)}"')).errors
        assert list(errors) == ["store.dialect"]
        assert "InfluxDB 1.11.8 has databases, not buckets: expected dialect v1" in errors["store.dialect"]

    def test_v1_on_a_new_server(self, tmp_path: Path, broker_url: str, management: Management) -> None:
        errors = check(tmp_path, broker_url, v1(management.url)).errors
        assert list(errors) == ["store.dialect"]
        assert "expected dialect v2 with org, bucket, token_file" in errors["store.dialect"]

    @pytest.mark.parametrize("version", ["0.13.0", "1.5.4", "4.0.0"])
    def test_an_unsupported_version(
        self, tmp_path: Path, broker_url: str, management: Management, version: str
    ) -> None:
        management.version = version
        errors = check(tmp_path, broker_url, v2(management.url)).errors
        assert (
            f"supported server (InfluxDB 1.6 to 3, VictoriaMetrics for writing), this is InfluxDB {version}"
            in (errors["store.url"])
        )

    def test_logins_of_v1(self, tmp_path: Path, broker_url: str) -> None:
        """No user, none given, wrong password; database missing; may not write; not read; no copy; all is well."""
        with influxd(asks_login=True) as server:

            def errors_with(login: str) -> dict[str, str]:
                return check(tmp_path / "v1", broker_url, v1(server.url, login)).errors

            def login(password: str) -> str:
                return f'username = "tcm"\npassword_file = "{secret(tmp_path, password)}"'

            root = {"u": "root", "p": "rootpw"}
            for before in (login("right"), ""):
                assert list(errors := errors_with(before)) == ["store.username"]
                assert "create admin user first" in errors["store.username"]
                assert "deploy/influxdb/make-users, or CREATE USER" in errors["store.username"]
            ask(server, "CREATE USER root WITH PASSWORD 'rootpw' WITH ALL PRIVILEGES")
            ask(server, "CREATE USER tcm WITH PASSWORD 'right'", **root)
            assert "lets nobody in without a login" in errors_with("")["store.username"]
            assert "lets nobody in without a login" in errors_with('username = "tcm"')["store.password_file"]
            assert "authorization failed" in errors_with(login("wrong"))["store.username"]
            errors = errors_with(login("right"))
            assert "tcm is not there, or not for this login; run `tcm store init`" in errors["store.database"]
            ask(server, "CREATE DATABASE tcm", **root)
            ask(server, "GRANT READ ON tcm TO tcm", **root)
            assert "expected a login that may write" in errors_with(login("right"))["store.username"]
            ask(server, "GRANT WRITE ON tcm TO tcm", **root)
            assert "expected a login that may read" in errors_with(login("right"))["store.username"]
            ask(server, "GRANT ALL ON tcm TO tcm", **root)
            assert "tcm_long, the long-term copy" in errors_with(login("right"))["store.long"]
            ask(server, "CREATE DATABASE tcm_long", **root)
            for some in ("READ", "WRITE"):
                ask(server, f"GRANT {some} ON tcm_long TO tcm", **root)
                assert "expected to write and read tcm_long" in errors_with(login("right"))["store.long"]
            ask(server, "GRANT ALL ON tcm_long TO tcm", **root)
            assert errors_with(login("right")) == {}

    def test_a_database_without_a_retention_policy(self, tmp_path: Path, broker_url: str) -> None:
        """Nothing can be written to it until it has one, which `tcm store init` makes."""
        with influxd() as server:
            ask(server, "CREATE DATABASE tcm")
            ask(server, "DROP RETENTION POLICY autogen ON tcm")
            errors = check(tmp_path, broker_url, v1(server.url)).errors
            assert "expected a database with a retention policy" in errors["store.database"]
            assert "run `tcm store init`" in errors["store.database"]
            assert DaemonProcess(tmp_path, broker_url, v1(server.url)).tcm("store", "init").returncode == 0
            assert check(tmp_path, broker_url, v1(server.url)).errors == {}

    @pytest.mark.parametrize("token", ["to\nken", "tök€n"])
    def test_a_token_that_cannot_be_sent(
        self, tmp_path: Path, broker_url: str, management: Management, token: str
    ) -> None:
        """It is said before a server is asked, by `--token-file` then; and the token itself is not."""
        file = tmp_path / "token"
        file.write_text(token)
        file.chmod(0o600)
        one = DaemonProcess(tmp_path, broker_url, v2(management.url, f'token_file = "{file}"'))
        other = DaemonProcess(tmp_path / "other", broker_url, v2(management.url))
        ways = [(one, command) for command in (("check",), ("check", "--connect"), ("store", "init"))]
        for process, command in [*ways, (other, ("store", "init", "--token-file", str(file)))]:
            done = process.tcm(*command)
            told = " ".join((done.stdout + done.stderr).split())
            assert ("no HTTP header can" if process is other else "printable ASCII") in told
            assert "Traceback" not in told
            assert token[:2] + token[-2:] not in told and token not in told and "Token " not in told

    def test_tokens_and_buckets_of_v2(self, tmp_path: Path, broker_url: str, management: Management) -> None:
        def errors_with(token: str) -> dict[str, str]:
            store = v2(management.url, f'token_file = "{secret(tmp_path, token)}"')
            return check(tmp_path / "v2", broker_url, store).errors

        without = check(tmp_path / "v2", broker_url, v2(management.url)).errors
        assert "lets nobody in without a login" in without["store.token_file"]
        assert "expected a login that the server knows" in errors_with("wrong")["store.token_file"]
        assert "tcm is not there" in (missing := errors_with("daemon-token"))["store.bucket"]
        assert "run `tcm store init`" in missing["store.bucket"]
        one = DaemonProcess(tmp_path / "v2", broker_url, v2(management.url))
        assert one.tcm("store", "init", "--token-file", str(secret(tmp_path, ADMIN))).returncode == 0
        assert errors_with("daemon-token") == {}
        management.mappings.clear()
        assert "it maps the name for InfluxQL" in errors_with("daemon-token")["store.bucket"]
        management.org = "other"
        assert list(errors := errors_with("daemon-token")) == ["store.org"]
        assert "acme is not there" in errors["store.org"]
        assert "correct it" in errors["store.org"]

    def test_a_database_of_influxdb_3(self, tmp_path: Path, broker_url: str, management: Management) -> None:
        """It says of a write without points that it is empty, which is none; a missing database shows by reading."""
        management.version = "3.8.0"
        store = v2(management.url, f'token_file = "{secret(tmp_path, "daemon-token")}"')
        assert list(check(tmp_path, broker_url, store).errors) == ["store.bucket"]
        one = DaemonProcess(tmp_path, broker_url, store)
        assert one.tcm("store", "init", "--token-file", str(secret(tmp_path, ADMIN))).returncode == 0
        assert check(tmp_path, broker_url, store).errors == {}

    def test_the_table_of_copies(self, tmp_path: Path, broker_url: str) -> None:
        """Missing, where nothing was set up and there is to be a copy; right; other than the configuration."""
        with influxd() as server:
            ask(server, "CREATE DATABASE tcm")

            def warning(more: str = "") -> str:
                answer = check(tmp_path, broker_url, v1(server.url, more))
                assert answer.errors == {}
                return answer.warnings.get("store.long", "")

            assert warning("long = false") == ""
            assert "table copies is missing" in warning()
            assert "run `tcm store init`" in warning()
            assert DaemonProcess(tmp_path, broker_url, v1(server.url)).tcm("store", "init").returncode == 0
            assert warning() == ""
            ask(server, "DROP DATABASE tcm_long")
            assert "tcm_long is not there: the daemon makes it" in warning()
            assert "table copies says otherwise than the configuration" in warning("long = false")

    def test_a_secret_that_is_empty(self, tmp_path: Path, broker_url: str, influx_server: Influxd) -> None:
        """It is found out before the server is asked, and the answer is the same document."""
        empty = secret(tmp_path, "empty")
        empty.write_text("")
        errors = check(
            tmp_path, broker_url, v1(influx_server.url, f'username = "tcm"\npassword_file = "{empty}"')
        ).errors
        assert "the file is empty" in errors["store.password_file"]

    def test_victoria_metrics(self, tmp_path: Path, broker_url: str, metrics_server: VictoriaMetrics) -> None:
        """It takes what is written, so it is no error; what it is not good for is said."""
        errors = check(tmp_path, broker_url, v1(metrics_server.url)).errors
        assert "VictoriaMetrics has no databases: expected dialect v2" in errors["store.dialect"]
        assert list(check(tmp_path, broker_url, v2(metrics_server.url)).errors) == ["store.long"]
        answer = check(tmp_path, broker_url, v2(metrics_server.url, "long = false"))
        assert answer.errors == {}
        assert "keeps numbers and milliseconds only" in answer.warnings["store.url"]
