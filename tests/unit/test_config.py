"""Configuration: the example loads, and whatever is wrong is said at once, with file, key and what was expected."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import pytest

from monitor.config import ConfigProblems, MqttSettings, Rules, load_config, load_profile, read_secret, warnings_of
from monitor.model.clock import parse_rfc3339
from monitor.model.errors import ConfigError
from tests.configs import MINIMAL, PROFILE, problems, write

EXAMPLE = Path(__file__).parents[2] / "config"
BEFORE_JOURNEY = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example that a test may spoil."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "config"))


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """The least that loads: required keys and one limits profile."""
    write(tmp_path / "monitor.toml", MINIMAL)
    write(tmp_path / "limits" / "basic.toml", PROFILE)
    return tmp_path / "monitor.toml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


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


def test_everything_wrong_in_all_files_is_reported_at_once(folder: Path) -> None:
    """One run of the check is enough to mend a folder: each mistake has its file, its key and what was expected."""
    settings, limits = folder / "monitor.toml", folder / "limits" / "flight-hardware.toml"
    change(settings, 'state_dir = "../var"', 'stat_dir = "../var"')
    change(settings, "mqtt://127.0.0.1:1883", "http://127.0.0.1:1883")
    change(settings, 'default_limits = "flight-hardware"', 'default_limits = "flight"')
    change(limits, 'above = "25 degC"', 'above = "25 hPa"')
    change(limits, 'clear = "29 degC"', 'clear = "31 degC"')
    change(limits, 'for = "10 min"', 'for = "10 g"')
    change(limits, 'severity = "warning"', 'severity = "severe"\ndwell = "5 s"')
    change(limits, 'kind = "shock"', 'kind = "bump"')
    change(limits, 'id = "shock-x"', "# no id")
    change(folder / "containers" / "C-101.toml", 'limits = "flight-hardware"', 'limits = "flight-hardwear"')
    change(folder / "containers" / "C-101.toml", 'accuracy = "0.3 K"', 'accuracy = "0.3 Pa"')
    change(folder / "containers" / "C-102.toml", 'consignment = "exomars-return"', 'consignment = "exomars"')
    change(folder / "containers" / "C-102.toml", 'id = "L-05"', 'id = "L-01"')
    change(folder / "containers" / "C-103.toml", 'id = "C-103"', 'id = "C-101"')
    change(folder / "consignments" / "exomars-return.toml", "2026-11-23T06:00:00Z", "2026-11-23T06:00:00")
    write(folder / "limits" / "second.toml", "name = \n")
    expected = {
        ("monitor.toml", "state_dir"): "missing",
        ("monitor.toml", "stat_dir"): "unknown key; expected one of instance, state_dir, limits",
        ("monitor.toml", "mqtt.url"): "mqtt://127.0.0.1:1883",
        ("monitor.toml", "ingest.default_limits"): "expected one of flight-hardware, second, got 'flight'",
        ("flight-hardware.toml", "rule.temperature-high-warning.above"): "units degC; 'hPa' is no unit of temperature",
        ("flight-hardware.toml", "rule.temperature-high-warning.for"): "'g' is no unit of time",
        (
            "flight-hardware.toml",
            "rule.temperature-high-warning.severity",
        ): "expected 'info', 'warning' or 'alarm', got 'severe'",
        ("flight-hardware.toml", "rule.temperature-high-warning.dwell"): "unknown key; expected one of id, severity",
        ("flight-hardware.toml", "rule.temperature-high-alarm.clear"): "expected a level at or below the limit 30",
        ("flight-hardware.toml", "rule.shock-resultant.kind"): "leak, health, statistic, forecast, got 'bump'",
        ("flight-hardware.toml", "rule[22].id"): "missing",
        ("C-101.toml", "limits"): "expected one of flight-hardware, second, got 'flight-hardwear'",
        ("C-101.toml", "logger.L-01.calibration.temperature.air.accuracy"): "'Pa' is no unit of temperature",
        ("C-102.toml", "consignment"): "expected one of exomars-return, got 'exomars'",
        ("C-102.toml", "logger.L-01.id"): "'L-01' stands in",
        ("C-103.toml", "id"): "'C-101' stands in",
        ("exomars-return.toml", "leg.turin-airport.planned_start"): "expected a time with its zone",
        ("second.toml", "line 1, column 8"): "expected TOML: Invalid value",
    }
    found = problems(settings)
    assert set(found) == set(expected)
    assert {place: message for place, message in expected.items() if message not in found[place]} == {}


def test_the_error_has_one_problem_a_line(minimal: Path) -> None:
    """The text is what a terminal shows."""
    write(minimal, MINIMAL + "colour = 1\n[web]\nlisten = 8700\n")
    with pytest.raises(ConfigProblems) as caught:
        load_config(minimal)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) == 2
    assert "monitor.toml: mqtt.colour: unknown key" in lines[0]
    assert "monitor.toml: web.listen: expected text in quotes, got 8700" in lines[1]


def test_a_bound_has_the_unit_of_what_is_bounded(minimal: Path) -> None:
    """Nobody would take 3600 for an hour."""
    tables = '[store]\nretention = "30 min"\n[[notifier]]\nname = "a"\nkind = "mqtt"\nescalate_after = "9 d"\n'
    write(minimal, MINIMAL + tables)
    found = problems(minimal)
    assert found["monitor.toml", "store.retention"] == "expected 3600 s or more, got '30 min'"
    assert found["monitor.toml", "notifier.a.escalate_after"] == "expected at most 604800 s, got '9 d'"


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


def test_missing_tables_and_folders_are_named(tmp_path: Path) -> None:
    """A folder that is named must exist."""
    write(tmp_path / "monitor.toml", 'state_dir = "var"\ncontainers = "boxes"\n')
    found = problems(tmp_path / "monitor.toml")
    assert found["monitor.toml", "mqtt"] == "missing; expected this table with url"
    assert "expected a folder of TOML files" in found["monitor.toml", "containers"]
    assert "expected a readable file" in problems(tmp_path / "absent.toml")["absent.toml", ""]


@pytest.mark.parametrize("text", [f"name = {'1' * 5000}", f"name = 0x{'f' * 5000}", "a = " + "[" * 1500])
def test_what_toml_cannot_digest_is_a_mistake_like_others(minimal: Path, text: str) -> None:
    """Numbers of thousands of digits, lists hundreds deep: with the file, and what is wrong with the other ones."""
    write(minimal, MINIMAL + "colour = 1\n")
    write(minimal.parent / "limits" / "other.toml", text)
    found = problems(minimal)
    assert found["other.toml", ""].startswith("expected TOML that can be taken in: ")
    assert ("monitor.toml", "mqtt.colour") in found


def test_a_pipe_is_no_file(minimal: Path) -> None:
    """Whoever reads it would wait for ever."""
    os.mkfifo(minimal.parent / "limits" / "other.toml")
    assert problems(minimal)["other.toml", ""] == "expected a readable file, got: not a regular file"


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


@pytest.mark.parametrize(
    ("table", "key", "expected"),
    [
        ('[store]\nkind = "influxdb"\n', "store.url", "kind influxdb requires it"),
        ('[store]\nkind = "influxdb"\nurl = "http://a"\ndialect = "v1"\n', "store.database", "with dialect v1"),
        ('[store]\nkind = "influxdb"\nurl = "http://a"\ndialect = "v2"\norg = "o"\n', "store.bucket", "dialect v2"),
        ('[store]\nkind = "influxdb"\nurl = "a:b"\ndialect = "v3"\n', "store.dialect", "expected v1 or v2"),
        ('[store]\ntoken_file = "absent"\n', "store.token_file", "expected a file that holds the secret"),
        ('[web]\nlisten = "127.0.0.1"\n', "web.listen", "an address and a port"),
        ('[ingest]\nunknown_loggers = "drop"\n', "ingest.unknown_loggers", "expected 'accept' or 'quarantine'"),
        ("ca_file = 'ca.pem'\n", "mqtt.ca_file", "expected only with mqtts://"),
        ("password_file = 'p'\n", "mqtt.username", "missing"),
        ("protocol = 5\n", "mqtt.protocol", "expected '5' or '3.1.1', got 5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(minimal: Path, table: str, key: str, expected: str) -> None:
    """Each table says which of its keys is wrong or missing and why."""
    write(minimal, MINIMAL + table)
    assert expected in problems(minimal)["monitor.toml", key]


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


def test_rules_survive_the_journal() -> None:
    """What a replay reads equals what was in force, digest included, and carries no address or path."""
    rules = load_config(EXAMPLE / "monitor.toml").rules
    text = rules.to_json()
    again = Rules.from_json(text)
    assert again == rules
    assert (again.to_json(), again.digest) == (text, rules.digest)
    assert again.profile_digest("C-101") == rules.profile_digest("C-101")
    assert b"127.0.0.1" not in text and b"/var" not in text


@pytest.mark.parametrize("text", [b"\xff", b"[]", b'{"profiles": {"a": {"name": "a"}}}', b"{"])
def test_a_record_that_is_no_configuration_is_an_error(text: bytes) -> None:
    """A damaged journal row does not end in a traceback."""
    with pytest.raises(ConfigError):
        Rules.from_json(text)


def test_the_digest_follows_what_changes_a_result(folder: Path) -> None:
    """Another limit is another digest; another spelling, address or order of files is not."""
    settings, limits = folder / "monitor.toml", folder / "limits" / "flight-hardware.toml"
    before = load_config(settings).rules
    change(settings, "127.0.0.1:8700", "127.0.0.1:8701")
    change(limits, '"10 min"', '"600 s"')
    (folder / "containers" / "C-101.toml").rename(folder / "containers" / "renamed.toml")
    assert load_config(settings).digest == before.digest
    change(limits, 'above = "30 degC"', 'above = "30.1 degC"')
    after = load_config(settings).rules
    assert after.digest != before.digest
    assert after.profile_digest("C-101") != before.profile_digest("C-101")


def test_phases_follow_the_plan() -> None:
    """The leg under way gives the phase; before, after and without consignment it is storage."""
    rules = load_config(EXAMPLE / "monitor.toml").rules
    expected = {
        "2026-11-23T05:59:59Z": "storage",
        "2026-11-23T06:00:00Z": "road",
        "2026-11-23T11:00:00Z": "handling",
        "2026-11-23T20:00:00Z": "air",
        "2027-01-01T00:00:00Z": "storage",
    }
    assert {time: rules.phase_at("C-102", parse_rfc3339(time)) for time in expected} == expected
    for start_ns, phase in rules.phase_spans("C-102"):
        assert rules.phase_at("C-102", start_ns) == phase
    assert rules.phase_spans("C-999") == ()
    assert rules.phase_at("C-999", parse_rfc3339("2026-11-23T06:00:00Z")) == "storage"


def test_what_is_not_registered_has_defaults() -> None:
    """An unknown container or logger is known by its id alone and watched under the default limits."""
    rules = load_config(EXAMPLE / "monitor.toml").rules
    assert rules.is_registered("C-101", "L-01")
    assert not rules.is_registered("C-102", "L-01")
    assert rules.logger("C-102", "L-01").serial is None
    assert rules.container("C-999").armed
    assert rules.profile("C-999").name == "flight-hardware"


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


FAST = """
[[rule]]
id = "fast"
kind = "rate"
channel = "temperature.*"
over = "30 s"
above = "1 K/min"
severity = "warning"
[[rule]]
id = "mean"
kind = "exposure"
channel = "temperature.hardware"
measure = "mkt"
window = "30 s"
limit = "25 degC"
severity = "warning"
[[rule]]
id = "flow"
kind = "leak"
above = "0.01 Pa m3/s"
severity = "warning"
"""
BOX = """
id = "C-1"
[[logger]]
id = "L-1"
interval = "60 s"
calibration."temperature.air" = {accuracy = "0.3 K"}
"""


def test_rules_that_do_not_fit_what_they_watch(minimal: Path) -> None:
    """A window shorter than the interval of a logger that it is for, and a flow out of a container of unknown size."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + FAST)
    write(minimal.parent / "containers" / "a.toml", BOX)
    found = problems(minimal)
    assert found.keys() == {("basic.toml", "rule.fast.over"), ("a.toml", "free_gas_volume_m3")}
    assert found["basic.toml", "rule.fast.over"].startswith(
        "expected at least the interval of the loggers, 60 s of L-1"
    )
    assert "rule flow" in found["a.toml", "free_gas_volume_m3"] and "Pa m3/s" in found["a.toml", "free_gas_volume_m3"]
    write(
        minimal.parent / "containers" / "a.toml",
        BOX.replace("60 s", "30 s").replace("[[", "free_gas_volume_m3 = 1\n[["),
    )
    assert load_config(minimal).rules.logger("C-1", "L-1").interval_s == 30.0


SHORT = """
[[rule]]
id = "stuck"
kind = "health"
check = "stuck"
for = "59 s"
severity = "info"
[[rule]]
id = "silent"
kind = "health"
check = "silent"
for = "89 s"
severity = "info"
[[rule]]
id = "clock"
kind = "health"
check = "clock"
severity = "info"
[[rule]]
id = "outlier"
kind = "statistic"
method = "z-score"
channel = "temperature.air"
window = "29 min"
above = 6
severity = "info"
[[rule]]
id = "soon"
kind = "forecast"
channel = "temperature.air"
within = "30 min"
above = "25 degC"
severity = "info"
[[rule]]
id = "elsewhere"
kind = "forecast"
channel = "humidity.air"
within = "1 min"
above = "60 %"
severity = "info"
"""


def test_times_too_short_for_the_loggers_have_one_line(minimal: Path) -> None:
    """With the longest interval and how many more; of health too, and of windows that need 30 readings."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + SHORT)
    second = '[[logger]]\nid = "L-2"\ninterval = "90 s"\n'
    write(minimal.parent / "containers" / "a.toml", BOX + second)
    found = {key: message for (file, key), message in problems(minimal).items() if file == "basic.toml"}
    where = str(minimal.parent / "containers" / "a.toml")
    assert found == {
        "rule.stuck.for": f"expected at least the interval of the loggers, 60 s of L-1 in {where}, got 59 s",
        "rule.silent.for": f"expected at least the interval of the loggers, 90 s of L-2 in {where}, got 89 s",
        "rule.outlier.window": "expected at least 30 intervals (1800 s) of the loggers, "
        f"60 s of L-1 in {where}, got 1740 s",
    }
    change(minimal.parent / "containers" / "a.toml", '"90 s"', '"120 s"')
    change(minimal.parent / "limits" / "basic.toml", '"89 s"', '"50 s"')
    message = problems(minimal)["basic.toml", "rule.silent.for"]
    assert f"120 s of L-2 in {where} and 1 more, got 50 s" in message


def test_the_journals_room_is_text_with_units(minimal: Path) -> None:
    """A default for each; what nobody can mean is refused under its key."""
    assert load_config(minimal).journal.budget_bytes == 20e9
    write(minimal, MINIMAL + '[journal]\nbudget = "1.5 GB"\nkeep = "400 d"\nreserve = "0 B"\n')
    journal = load_config(minimal).journal
    assert (journal.budget_bytes, journal.keep_s, journal.reserve_bytes) == (1.5e9, 400 * 86_400, 0)
    write(minimal, MINIMAL + '[journal]\nbudget = "5 kB"\nkeep = "1 h"\nreserve = "5 km"\n')
    assert {key for _, key in problems(minimal)} == {"journal.budget", "journal.keep", "journal.reserve"}


def test_headings_are_said_as_the_files_write_them(minimal: Path) -> None:
    """One bracket too few or a plural is the first mistake that people make."""
    limits = minimal.parent / "limits" / "basic.toml"
    write(limits, PROFILE.replace("[[rule]]", "[[rules]]"))
    found = problems(minimal)
    assert found["basic.toml", "rules"] == "unknown key; expected [[rule]]"
    assert found["basic.toml", "rule"] == "missing; expected [[rule]] with id, severity, kind"
    write(limits, PROFILE.replace("[[rule]]", "[rule]"))
    assert problems(minimal)["basic.toml", "rule"] == "expected [[rule]], got [rule]"
    write(limits, PROFILE.replace('kind = "threshold"', ""))
    assert problems(minimal)["basic.toml", "rule.warm.kind"].startswith("missing; expected one of threshold, rate, ")
    write(limits, PROFILE)
    write(minimal, MINIMAL + "[[sources]]\n")
    expected = (
        "unknown key; expected one of [mqtt], [store], [web], [ingest], [alerts], [journal], [[notifier]], [[source]]"
    )
    assert problems(minimal)["monitor.toml", "sources"] == expected


GUARDED = """
[[rule]]
id = "guarded"
kind = "threshold"
channel = "humidity.air"
above = "50 %"
guard = "accuracy"
severity = "warning"
[[rule]]
id = "damp"
kind = "condensation"
below = "5 K"
severity = "warning"
[[rule]]
id = "dew"
kind = "threshold"
channel = "dew_point.air"
above = "10 degC"
severity = "warning"
[[rule]]
id = "stuck"
kind = "health"
check = "stuck"
for = "1 h"
guard = "accuracy"
severity = "info"
"""


def test_rules_that_watch_nothing_are_warned_about(minimal: Path) -> None:
    """Of every kind: what nobody measures, derived channels by their inputs, and a guard without an uncertainty."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + GUARDED)
    write(minimal.parent / "containers" / "a.toml", BOX)
    change(minimal.parent / "limits" / "basic.toml", 'id = "warm"', 'id = "warm"\nphases = ["road", "raod"]')
    found = [warning for warning in warnings_of(load_config(minimal), BEFORE_JOURNEY) if "rule." in warning.key]
    assert {Path(warning.file).name for warning in found} == {"basic.toml"}
    of_rules = [(warning.key.removeprefix("rule."), warning.message) for warning in found]
    known = "air, handling, open, road, storage"
    unknown = "no registered logger has a calibration record of {}; is the name right?"
    assert of_rules == [
        ("warm.phases", f"no leg has the phase raod: the rule never watches there; known are {known}"),
        ("guarded.channel", unknown.format("humidity.air")),
        ("guarded.guard", "no effect in C-1: none of its loggers has the calibration records that it needs"),
        ("damp.air", unknown.format("humidity.air")),
        ("damp.surface", unknown.format("temperature.hardware")),
        ("dew.channel", unknown.format("humidity.air")),
        ("stuck.guard", "no effect: what this rule of kind health judges states no uncertainty"),
    ]


PLACED = """
[[rule]]
id = "forward"
kind = "shock"
peak = "2 g"
place = "hardware interface, f*"
severity = "alarm"
[[rule]]
id = "anywhere"
kind = "shock"
drop_height = "0.3 m"
place = "*"
severity = "alarm"
"""


def test_a_shock_rule_for_a_place_where_no_logger_is(minimal: Path) -> None:
    """A slip in the place would leave the hardware unwatched; without any logger nobody knows which will come."""
    write(minimal.parent / "limits" / "basic.toml", PROFILE + PLACED)
    boxes = {
        'id = "C-1"': [],
        BOX: ["no registered logger stands at 'hardware interface, f*': the rule never watches; is it right?"],
        BOX.replace('id = "L-1"', 'id = "L-1"\nplace = "hardware interface, forward"'): [],
    }
    for box, expected in boxes.items():
        write(minimal.parent / "containers" / "a.toml", box)
        warnings = warnings_of(load_config(minimal), BEFORE_JOURNEY)
        found = [(warning.key, warning.message) for warning in warnings if warning.key.startswith("rule.")]
        assert found == [("rule.forward.place", message) for message in expected]


def test_accuracy_follows_calibration_and_derivation() -> None:
    """Of one logger, of all of a container, of a glob, of a derived channel; None where nobody can say."""
    rules = load_config(EXAMPLE / "monitor.toml").rules
    assert rules.accuracy("C-101", "L-01", "temperature.hardware") == 0.2
    assert rules.accuracy("C-101", "L-01", "temperature.*") == 0.3
    assert rules.accuracy("C-101", "-", "humidity.air") == 2.0
    assert rules.accuracy("C-101", "L-01", "dew_point.air") == pytest.approx(0.527, abs=5e-4)
    assert rules.accuracy("C-101", "L-01", "light.air") is None
    assert rules.accuracy("C-999", "L-01", "dew_point.air") is None


def test_legs_follow_the_plan() -> None:
    """(start, leg), "" between legs; legs that follow at once leave no gap."""
    spans = load_config(EXAMPLE / "monitor.toml").rules.leg_spans("C-102")
    assert [leg for _, leg in spans][:2] == ["turin-airport", "departure-handling"]
    assert spans[0][0] == parse_rfc3339("2026-11-23T06:00:00Z") and spans[-1][1] == ""
    assert sorted(spans) == list(spans)


def test_a_wrong_rotation_is_reported_with_the_other_mistakes_of_its_logger(minimal: Path) -> None:
    """One run of the check says both."""
    logger = '[[logger]]\nid = "L-1"\nrotation = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]\n'
    calibration = '[logger.calibration."temperature.air"]\ndate = 2026-01-01\ndue = 2027-01-01\naccuracy = "1 Pa"\n'
    write(minimal.parent / "containers" / "a.toml", f'id = "C-1"\n{logger}{calibration}')
    found = problems(minimal)
    assert (
        found.pop(("a.toml", "logger.L-1.rotation")) == "expected a rotation matrix (orthonormal rows, determinant +1)"
    )
    ((key, message),) = found.items()
    assert key == ("a.toml", "logger.L-1.calibration.temperature.air.accuracy")
    assert "'Pa' is no unit of temperature" in message


def test_a_consignment_s_legs_follow_each_other(folder: Path) -> None:
    """Legs that overlap, or a custodian who is no party, would make hand-overs ambiguous."""
    path = folder / "consignments" / "exomars-return.toml"
    change(path, "planned_start = 2026-11-23T11:00:00Z", "planned_start = 2026-11-23T10:00:00Z")
    message = problems(folder / "monitor.toml")["exomars-return.toml", "leg.departure-handling.planned_start"]
    assert message == "expected a time not before leg turin-airport ends"
    change(path, "planned_start = 2026-11-23T10:00:00Z", "planned_start = 2026-11-23T11:00:00Z")
    change(path, 'phase = "road"', 'phase = "plan"')
    message = problems(folder / "monitor.toml")["exomars-return.toml", "leg.turin-airport.phase"]
    assert message == "expected a phase such as road, 'plan' is the word that hands back to this plan"
    change(path, 'phase = "plan"', 'phase = "road"')
    change(path, 'custodian = "owner-a"', 'custodian = "owner-c"')
    message = problems(folder / "monitor.toml")["exomars-return.toml", "leg.turin-airport.custodian"]
    assert message == "expected one of the parties owner-a, owner-b, got 'owner-c'"
