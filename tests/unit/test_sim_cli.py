"""The command line of the loggers: wrong use is one message and exit status 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_sim.cli import app
from firmware_sim.progress import describe
from firmware_sim.publish.broker import BrokerError, parse_broker
from firmware_sim.runner import Summary
from firmware_sim.scenario import shipped_names

REPLAY = ("replay", "--container", "C-1", "--logger", "L-1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nosuch", "--broker", "mqtt://h"), "departure, hostile"),
        (("run", "quiet", "--broker", "http://h"), "expected mqtt://host:port"),
        (("run", "quiet", "--broker", "mqtt://h", "--for", "60"), "expected a duration"),
        (("run", "quiet", "--broker", "mqtt://h", "--speed", "-1"), "--speed -1"),
        (("run", "quiet", "--broker", "mqtt://h", "--start", "soon"), "with its zone"),
        (
            ("run", "quiet", "--broker", "mqtt://h", "--start", "1960-01-01T00:00:00Z"),
            "--start: expected a time from 1990",
        ),
        (("run", "quiet", "--broker", "mqtt://h", "--real-start", "nan"), "--real-start nan: expected Unix seconds"),
        (("run", "quiet", "--broker", "mqtt://h", "--real-start", "1e300"), "--real-start 1e+300"),
        (("run", "quiet", "--broker", "mqtt://h", "--for", "9" * 400 + "s"), "--for: expected a duration of at most"),
        (("run", "quiet", "--broker", "mqtt://h", "--drain", "9" * 400 + "s"), "--drain: expected a duration of at"),
        (("run", "quiet", "--broker", "mqtt://h", "--speed", "1e5", "--for", "1d"), "--for, --drain: expected at most"),
        (("run", "quiet", "--broker", "mqtt://h:0"), "expected a port from 1 to 65535"),
        (("run", "quiet", "--broker", "mqtt://h", "--username", "u" * 65_536), "--username: expected at most 65535"),
        (("run", "quiet", "--broker", "mqtt://h", "--protocol", "4"), "expected 5 or 3.1.1"),
        (("run", "quiet", "--broker", "mqtt://h", "--loggers", "0"), "--loggers"),
        (("run", "quiet", "--broker", "mqtt://h", "--connections", "1000"), "--connections"),
        (("run", "quiet", "--broker", "mqtt://h", "--truth", "/dev/null/truth"), "--truth /dev/null/truth: cannot"),
        ((*REPLAY, "nowhere", "--broker", "mqtt://h"), "environment.csv"),
    ],
)
def test_wrong_use_is_told_with_exit_status_2(arguments: tuple[str, ...], message: str) -> None:
    """Nothing is connected, and the message says what would have done."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_truth_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """It names the option and the path, and says what would have done."""
    path = tmp_path / "none" / "truth.jsonl"
    result = CliRunner().invoke(app, ("run", "quiet", "--broker", "mqtt://h", "--truth", str(path)))
    assert result.exit_code == 2
    why = "cannot be written (No such file or directory), expected a folder, or a file in one that exists"
    assert result.output == f"--truth {path}: {why}\n"


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


def test_everything_wrong_with_a_scenario_is_told_at_once(tmp_path: Path) -> None:
    """A line for each error, with the file in front, and nothing else."""
    path = tmp_path / "bad.toml"
    path.write_text('speeed = 1\nleg = []\n[[container]]\nid = "a b"\nlogger = []\n', encoding="utf-8")
    result = CliRunner().invoke(app, ("run", str(path), "--broker", "mqtt://h"))
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert len(lines) >= 4
    assert all(line.startswith(f"{path}: ") for line in lines)


def test_the_shipped_scenarios_are_listed() -> None:
    """Name and title, a line each."""
    lines = CliRunner().invoke(app, ("list",)).output.splitlines()
    assert [line.split()[0] for line in lines] == sorted(shipped_names())
    assert all(len(line.split()) > 1 for line in lines)


def test_progress_is_told_in_virtual_time() -> None:
    """How far of how far, and the counts."""
    summary = Summary(created=12, published=11, acknowledged=10, lost=1)
    counts = "12 created, 10 acknowledged, 1 lost"
    assert describe(5 * 3600 + 60, 10 * 86_400, summary) == f"05:01 of 10 d 00:00: {counts}"
    assert describe(90_000, None, summary) == f"1 d 01:00: {counts}"
