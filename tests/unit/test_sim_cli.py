"""The command line of the loggers: wrong use is one message and exit status 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_sim.cli import app
from firmware_sim.publish import BrokerError, parse_broker

REPLAY = ("replay", "--container", "C-1", "--logger", "L-1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nosuch", "--broker", "mqtt://h"), "departure, quiet"),
        (("run", "quiet", "--broker", "http://h"), "expected mqtt://host:port"),
        (("run", "quiet", "--broker", "mqtt://h", "--for", "60"), "expected a duration"),
        (("run", "quiet", "--broker", "mqtt://h", "--speed", "-1"), "--speed -1"),
        (("run", "quiet", "--broker", "mqtt://h", "--start", "soon"), "with its zone"),
        (("run", "quiet", "--broker", "mqtt://h", "--protocol", "4"), "expected 5 or 3.1.1"),
        ((*REPLAY, "nowhere", "--broker", "mqtt://h"), "environment.csv"),
    ],
)
def test_wrong_use_is_told_with_exit_status_2(arguments: tuple[str, ...], message: str) -> None:
    """Nothing is connected, and the message says what would have done."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A secret stands in a file of its own."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n", encoding="utf-8")
    secret.chmod(0o644)
    result = CliRunner().invoke(app, ("run", "quiet", "--broker", "mqtt://h", "--password-file", str(secret)))
    assert result.exit_code == 2
    assert "chmod 600" in result.output


def test_a_broker_url_has_the_usual_ports_and_no_secret() -> None:
    """1883, with TLS 8883; a user or a path in the URL is refused, and the message does not repeat it."""
    assert parse_broker("mqtt://h").port == 1883
    assert (parse_broker("mqtts://h").port, parse_broker("mqtts://h").tls) == (8883, True)
    assert parse_broker("mqtt://[::1]:1999").url == "mqtt://::1:1999"
    for url in ("mqtt://u:secret@h", "mqtt://h/path", "mqtt://", "h:1883", "mqtt://h:99999"):
        with pytest.raises(BrokerError) as caught:
            parse_broker(url)
        assert "secret" not in str(caught.value)
