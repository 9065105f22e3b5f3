"""`tcm check --connect` says in which way the broker cannot be used, under its key, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authority import EXPIRED, NOT_YET, VALID, Authority
from tests.checked import check
from tests.processes import HOST
from tests.servers import Mosquitto, mosquitto


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

    @pytest.mark.parametrize("protocol", ["5", "3.1.1"])
    def test_no_login(self, tmp_path: Path, protocol: str) -> None:
        """Whatever follows: that it then ends the connection is not what is told."""
        (password := tmp_path / "password").write_text("wrong\n")
        password.chmod(0o600)
        login = f'username = "gw"\npassword_file = "{password}"'
        with mosquitto("allow_anonymous false") as broker:
            for number, (mqtt, words) in enumerate((("", "it wants a login"), (login, "does the broker know 'gw'"))):
                one = tmp_path / str(number)
                errors = check(one, broker.url, mqtt=mqtt, protocol=protocol).errors
                assert list(errors) == ["mqtt.username"]
                refused = "refused: Not authorized"
                said = f"live session: {refused}; fill session: {refused}; {words}"
                assert said in errors["mqtt.username"]

    def test_no_user_by_this_certificate(self, tmp_path: Path, authority: Authority, trust: str) -> None:
        certificate, key = authority.issue("broker")
        with mosquitto(
            *(f"certfile {certificate}", f"keyfile {key}", f"cafile {authority.ca_file}"),
            *("allow_anonymous false", "require_certificate true"),
        ) as broker:
            mqtt = trust + self.login(authority.issue("gateway"))
            errors = check(tmp_path, f"mqtts://{HOST}:{broker.port}", mqtt=mqtt).errors
        assert list(errors) == ["mqtt.cert_file"]
        assert "the certificate of 'gateway': the broker has to take that for a user's name" in errors["mqtt.cert_file"]

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
