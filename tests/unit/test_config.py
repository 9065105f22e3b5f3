"""A configuration loads: the example, and the least with its defaults; what is hardly meant is warned about."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import MqttSettings, load_config, load_profile, read_secret, warnings_of
from monitor.model.errors import ConfigError
from tests.configs import MINIMAL, PROFILE, problems, write
from tests.examples import BEFORE_JOURNEY, EXAMPLE, change, copied, least


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example that a test may spoil."""
    return copied(tmp_path)


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """The least that loads: required keys and one limits profile."""
    return least(tmp_path)


def test_the_example_loads_without_warnings() -> None:
    """What the demo runs and people copy is right as it stands."""
    config = load_config(EXAMPLE / "monitor.toml")
    assert warnings_of(config, BEFORE_JOURNEY) == []
    assert sorted(config.rules.containers) == ["C-101", "C-102", "C-103"]
    loggers = [logger.id for box in config.rules.containers.values() for logger in box.logger]
    assert loggers == [f"L-{number:02}" for number in range(1, 13)]
    assert config.rules.logger("C-103", "L-12").serial == "SN-0053"
    assert config.rules.logger("C-101", "L-01").calibration["shock.a"].accuracy == 0.1
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.tls) == ("127.0.0.1", 1883, False)
    assert (config.web.host, config.web.port, config.store.kind) == ("127.0.0.1", 8700, "embedded")


def test_units_are_read_into_the_units_used_inside() -> None:
    """5 hPa is 500 Pa, 10 min are 600 s, 5 ms are 0.005 s."""
    rules = {rule.id: rule for rule in load_profile(EXAMPLE / "limits" / "flight-hardware.toml").rule}
    low, shock = rules["differential-low-warning"], rules["shock-x"]
    assert low.kind == "threshold" and (low.below, low.clear, low.for_s) == (500.0, 600.0, 600.0)
    assert shock.kind == "shock" and (shock.peak_g, shock.lowpass_hz, shock.min_duration_s) == (3.5, 100.0, 0.005)


CLOSED = ("road", "handling", "air", "storage")
GROUND = ("road", "handling", "storage", "open")
ADDED = {
    # id: limit, clear, unit, for (s), severity, phases
    "temperature-rise": (5.0, 4.0, "K/h", 600.0, "warning", None),
    "temperature-fall": (-5.0, -4.0, "K/h", 600.0, "warning", None),
    "temperature-time-above": (12.0, 12.0, "h", 0.0, "alarm", None),
    "temperature-cycle": (15.0, 15.0, "K", 0.0, "warning", None),
    "condensation-warning": (5.0, 6.0, "K", 300.0, "warning", None),
    "condensation-alarm": (2.0, 3.0, "K", 120.0, "alarm", None),
    "humidity-high-alarm": (60.0, 57.0, "%RH", 300.0, "alarm", CLOSED),
    "leak": (300.0, 200.0, "Pa/d", 0.0, "warning", ("storage",)),
    "logger-silent-warning": (1800.0, 1800.0, "s", 1800.0, "warning", GROUND),
    "logger-silent-alarm": (7200.0, 7200.0, "s", 7200.0, "alarm", GROUND),
    "temperature-sensor-stuck": (0.0, 0.0, "", 3600.0, "warning", None),
    "sensor-nan": (50.0, 50.0, "%", 3600.0, "warning", None),
    "logger-clock": (0.0, 0.0, "", 3600.0, "warning", None),
    "shock-damage": (1.0, 1.0, "", 0.0, "alarm", None),
    "shock-invalid": (0.0, 0.0, "", 0.0, "warning", None),
}


def test_the_shipped_profile_has_its_limits() -> None:
    """A slip of the pen in the example would be copied by everybody."""
    rules = {rule.id: rule for rule in load_profile(EXAMPLE / "limits" / "flight-hardware.toml").rule}
    found = {
        name: (rule.limit, rule.clear, rule.unit, rule.for_s, rule.severity, rule.phases)
        for name, rule in rules.items()
        if name in ADDED
    }
    assert found == ADDED
    kinds = {"threshold", "rate", "exposure", "cycles", "shock", "condensation", "leak", "health"}
    assert {rule.kind for rule in rules.values()} == kinds


def test_required_keys_are_enough(minimal: Path) -> None:
    """All else has a default; the only profile there is becomes the default."""
    config = load_config(minimal)
    assert (config.instance, config.mqtt.client_id, config.web.listen) == (
        "gateway-1",
        "tcm-gateway-1",
        "127.0.0.1:8700",
    )
    assert config.rules.profile("anything").name == "basic"
    assert [warning.key for warning in warnings_of(config)] == ["containers"]


def test_default_limits_are_required_where_nothing_else_says_them(minimal: Path) -> None:
    """With two profiles somebody must choose, for unknown loggers and for containers that name none."""
    write(minimal.parent / "limits" / "other.toml", PROFILE.replace("basic", "other"))
    write(minimal.parent / "containers" / "a.toml", 'id = "C-1"\n')
    message = problems(minimal)["monitor.toml", "ingest.default_limits"]
    assert "one of basic, other as limits of C-1, loggers not registered" in message
    write(minimal, MINIMAL + '[ingest]\nunknown_loggers = "quarantine"\n')
    write(minimal.parent / "containers" / "a.toml", 'id = "C-1"\nlimits = "other"\n')
    rules = load_config(minimal).rules
    assert rules.profile("C-1").name == "other"
    assert rules.profile("C-2").rule == ()


def test_only_state_dir_and_broker_are_required(tmp_path: Path) -> None:
    """A gateway may start with two keys: it stores everything and says that nothing is judged."""
    write(tmp_path / "monitor.toml", 'state_dir = "var"\n[mqtt]\nurl = "mqtt://localhost"\n')
    config = load_config(tmp_path / "monitor.toml")
    assert config.rules.profile("C-1").rule == ()
    assert "nothing is judged" in " ".join(problem.message for problem in warnings_of(config))


def test_paths_are_relative_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program is started does not matter."""
    monkeypatch.chdir(folder.parent)
    config = load_config(Path("config/monitor.toml"))
    assert config.state_dir == folder.parent / "var"
    assert config.files["containers", "C-101"] == "config/containers/C-101.toml"


def test_the_broker_s_port_follows_the_scheme() -> None:
    """1883 for mqtt, 8883 for mqtts, unless the address says otherwise."""
    assert MqttSettings(url="mqtts://broker").port == 8883
    assert MqttSettings(url="mqtts://broker").tls
    assert MqttSettings(url="mqtt://[::1]:2000").host == "::1"
    assert MqttSettings(url="mqtt://[::1]:2000").port == 2000


def test_a_secret_that_others_can_read_is_refused(minimal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says the command that mends it; an environment variable goes before the file."""
    path = minimal.parent / "mqtt.password"
    write(path, "open sesame\n")
    write(minimal, MINIMAL + 'username = "u"\npassword_file = "mqtt.password"\n')
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(path)
    assert "chmod 600" in problems(minimal)["monitor.toml", "mqtt.password_file"]
    path.chmod(0o600)
    assert load_config(minimal).mqtt.password() == "open sesame"
    monkeypatch.setenv("TCM_MQTT_PASSWORD", "from outside")
    assert load_config(minimal).mqtt.password() == "from outside"


def test_warnings_name_what_is_hardly_meant(folder: Path) -> None:
    """Each leads to file and key: missing and late calibration, defaults in use, disarmed, papers that run out."""
    box = folder / "containers" / "C-101.toml"
    change(box, 'id = "C-101"', 'id = "C-101"\narmed = false')
    change(box, "due = 2027-03-02", "due = 2026-10-01")
    change(folder / "consignments" / "exomars-return.toml", "expires = 2027-01-31", "expires = 2026-12-01")
    write(folder / "containers" / "C-104.toml", 'id = "C-104"\n[[logger]]\nid = "L-13"\n')
    found = warnings_of(load_config(folder / "monitor.toml"), BEFORE_JOURNEY)
    assert [(Path(warning.file).name, warning.key) for warning in found] == [
        ("C-101.toml", "armed"),
        ("C-101.toml", "logger.L-01.calibration.temperature.air.due"),
        ("C-104.toml", "limits"),
        ("C-104.toml", "consignment"),
        ("C-104.toml", "logger.L-13.calibration"),
        ("exomars-return.toml", "documents"),
    ]


@pytest.mark.parametrize(
    ("kept", "is_warned"),
    [
        ("", False),
        ('long_retention = "90 d"', True),
        ('retention = "30 d"\nlong_retention = "90 d"', False),
        ('retention = "90 d"\nlong_retention = "30 d"', True),
        ('retention = "90 d"\nlong_retention = "30 d"\nlong = false', False),
    ],
)
def test_a_copy_that_ends_before_the_readings(minimal: Path, kept: str, is_warned: bool) -> None:
    store = '\n[store]\nkind = "influxdb"\nurl = "http://127.0.0.1:8086"\ndialect = "v1"\ndatabase = "tcm"\n'
    minimal.write_text(minimal.read_text() + store + kept)
    keys = [warning.key for warning in warnings_of(load_config(minimal), BEFORE_JOURNEY)]
    assert ("store.long_retention" in keys) == is_warned


def test_the_journals_room_is_text_with_units(minimal: Path) -> None:
    """A default for each; what nobody can mean is refused under its key."""
    assert load_config(minimal).journal.budget_bytes == 20e9
    write(minimal, MINIMAL + '[journal]\nbudget = "1.5 GB"\nkeep = "400 d"\nreserve = "0 B"\n')
    journal = load_config(minimal).journal
    assert (journal.budget_bytes, journal.keep_s, journal.reserve_bytes) == (1.5e9, 400 * 86_400, 0)
    write(minimal, MINIMAL + '[journal]\nbudget = "5 kB"\nkeep = "1 h"\nreserve = "5 km"\n')
    assert {key for _, key in problems(minimal)} == {"journal.budget", "journal.keep", "journal.reserve"}
