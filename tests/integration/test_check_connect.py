"""`tcm check --connect` says in which way broker or store cannot be used, under its key, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.authority import EXPIRED, NOT_YET, VALID, Authority
from tests.daemon import DaemonProcess
from tests.influx_management import ADMIN, Management
from tests.integration.test_store_init import ask, secret
from tests.servers import (
    HOST,
    Influxd,
    Mosquitto,
    VictoriaMetrics,
    free_port,
    influxd,
    mosquitto,
    served,
)


class Answer(NamedTuple):
    """Key and message of each error and warning."""

    errors: dict[str, str]
    warnings: dict[str, str]


def check(folder: Path, broker_url: str, store: str = 'kind = "embedded"', mqtt: str = "") -> Answer:
    """What the command says of this table [store] and these lines of [mqtt]."""
    one = DaemonProcess(folder, broker_url, store)
    one.config.write_text(one.config.read_text().replace("[store]", f"{mqtt}\n[store]"))
    document = json.loads(one.tcm("check", "--connect", "--json").stdout)
    return Answer(*({each["key"]: each["message"] for each in document[kind]} for kind in ("errors", "warnings")))


def v1(url: str, more: str = "") -> str:
    return f'kind = "influxdb"\nurl = "{url}"\ndialect = "v1"\ndatabase = "tcm"\n{more}'


def v2(url: str, more: str = "") -> str:
    return f'kind = "influxdb"\nurl = "{url}"\ndialect = "v2"\norg = "acme"\nbucket = "tcm"\n{more}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class TestBroker:
    """By mutual TLS: which of the two certificates it is."""

    @pytest.fixture
    def trust(self, authority: Authority) -> str:
        return f'ca_file = "{authority.ca_file}"'

    def login(self, files: tuple[Path, Path]) -> str:
        return f'\ncert_file = "{files[0]}"\nkey_file = "{files[1]}"'

    @pytest.mark.parametrize(
        ("valid", "address", "words"),
        [
            (EXPIRED, f"IP:{HOST}", "has expired: have it renewed"),
            (NOT_YET, f"IP:{HOST}", "is not valid yet"),
            (VALID, "DNS:elsewhere.example", "is for another address"),
        ],
    )
    def test_its_certificate(
        self, tmp_path: Path, authority: Authority, trust: str, valid: tuple[str, str], address: str, words: str
    ) -> None:
        certificate, key = authority.issue("broker", valid, address)
        with mosquitto(f"certfile {certificate}", f"keyfile {key}") as broker:
            errors = check(tmp_path, f"mqtts://{HOST}:{broker.port}", mqtt=trust).errors
        assert list(errors) == ["mqtt.url"]
        assert words in errors["mqtt.url"]

    def test_its_authority(self, tmp_path: Path, authority: Authority) -> None:
        certificate, key = authority.issue("broker")
        with mosquitto(f"certfile {certificate}", f"keyfile {key}") as broker:
            errors = check(tmp_path, f"mqtts://{HOST}:{broker.port}").errors
        assert "an authority that is not known here" in errors["mqtt.ca_file"]

    def test_ours(self, tmp_path: Path, authority: Authority, trust: str) -> None:
        """None, expired, revoked, of another authority; a good one is served."""
        certificate, key = authority.issue("broker")
        others = Authority(tmp_path / "others")
        revoked = authority.issue("lost", is_revoked=True)
        with mosquitto(
            *(f"certfile {certificate}", f"keyfile {key}", f"cafile {authority.ca_file}"),
            *("require_certificate true", f"crlfile {authority.revoked_file}"),
        ) as broker:
            url = f"mqtts://{HOST}:{broker.port}"
            for number, (files, words) in enumerate(
                (
                    (None, "wants a certificate of ours"),
                    (authority.issue("expired", EXPIRED), "our certificate has expired"),
                    (revoked, "our certificate is revoked"),
                    (others.issue("stranger"), "the authority of our certificate"),
                )
            ):
                errors = check(tmp_path / str(number), url, mqtt=trust + (self.login(files) if files else "")).errors
                assert list(errors) == ["mqtt.cert_file"], errors
                assert words in errors["mqtt.cert_file"]
            assert check(tmp_path / "good", url, mqtt=trust + self.login(authority.issue("gateway"))).errors == {}

    def test_no_tls_there(self, tmp_path: Path, trust: str, mosquitto_server: Mosquitto) -> None:
        errors = check(tmp_path, f"mqtts://{HOST}:{mosquitto_server.port}", mqtt=trust).errors
        assert "does not speak TLS on this port" in errors["mqtt.url"]


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
            assert list(plain) == ["store.url"]

    def test_nobody_there(self, tmp_path: Path, broker_url: str) -> None:
        errors = check(tmp_path, broker_url, v1(f"http://{HOST}:{free_port()}")).errors
        assert "refused" in errors["store.url"]

    def test_v2_on_an_old_server(self, tmp_path: Path, broker_url: str, influx_server: Influxd) -> None:
        """Which dialect it is instead, and the keys that go with it."""
        errors = check(tmp_path, broker_url, v2(influx_server.url)).errors
        assert list(errors) == ["store.dialect"]
        assert "InfluxDB 1.6.7" in errors["store.dialect"]
        assert "expected dialect v1 with database" in errors["store.dialect"]

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
        """Wrong password; database missing; may not write; may write and not read; all is well."""
        with influxd(asks_login=True) as server:
            root = {"u": "root", "p": "rootpw"}
            ask(server, "CREATE USER root WITH PASSWORD 'rootpw' WITH ALL PRIVILEGES")
            ask(server, "CREATE USER tcm WITH PASSWORD 'right'", **root)

            def errors_with(password: str) -> dict[str, str]:
                login = f'username = "tcm"\npassword_file = "{secret(tmp_path, password)}"'
                return check(tmp_path / "v1", broker_url, v1(server.url, login)).errors

            assert "authorization failed" in errors_with("wrong")["store.username"]
            assert "tcm is not there, or not for this login" in (missing := errors_with("right"))["store.database"]
            assert "run `tcm store init`" in missing["store.database"]
            ask(server, "CREATE DATABASE tcm", **root)
            ask(server, "GRANT READ ON tcm TO tcm", **root)
            assert "expected a login that may write" in errors_with("right")["store.username"]
            ask(server, "GRANT WRITE ON tcm TO tcm", **root)
            assert "expected to read what is written" in errors_with("right")["store.database"]
            ask(server, "GRANT ALL ON tcm TO tcm", **root)
            assert "expected tcm_long for the long-term copy" in errors_with("right")["store.long"]
            ask(server, "CREATE DATABASE tcm_long", **root)
            ask(server, "GRANT ALL ON tcm_long TO tcm", **root)
            assert errors_with("right") == {}

    def test_tokens_and_buckets_of_v2(self, tmp_path: Path, broker_url: str, management: Management) -> None:
        def errors_with(token: str) -> dict[str, str]:
            store = v2(management.url, f'token_file = "{secret(tmp_path, token)}"')
            return check(tmp_path / "v2", broker_url, store).errors

        assert "expected a login that the server knows" in errors_with("wrong")["store.token_file"]
        assert "tcm is not there" in (missing := errors_with("daemon-token"))["store.bucket"]
        assert "run `tcm store init`" in missing["store.bucket"]
        one = DaemonProcess(tmp_path / "v2", broker_url, v2(management.url))
        assert one.tcm("store", "init", "--token-file", str(secret(tmp_path, ADMIN))).returncode == 0
        assert errors_with("daemon-token") == {}
        management.mappings.clear()
        assert "it maps the name for InfluxQL" in errors_with("daemon-token")["store.bucket"]

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
        assert list(check(tmp_path, broker_url, v2(metrics_server.url)).errors) == ["store.long"]
        answer = check(tmp_path, broker_url, v2(metrics_server.url, "long = false"))
        assert answer.errors == {}
        assert "keeps numbers and milliseconds only" in answer.warnings["store.url"]
