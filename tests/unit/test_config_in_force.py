"""What is in force, as the journal keeps it: digests, phases, legs, accuracies, and who is not registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import Rules, load_config
from monitor.model.clock import parse_rfc3339
from monitor.model.errors import ConfigError
from tests.examples import EXAMPLE, change, copied


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example that a test may spoil."""
    return copied(tmp_path)


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
