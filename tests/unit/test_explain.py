"""`tcm limits explain`: every kind and every key is explained, and the examples are rules that load."""

from __future__ import annotations

import json
import tomllib

import pytest
from typer.testing import CliRunner

from monitor.cli.commands import app
from monitor.config.explain import CHECKS, MEANINGS, UNGUARDED, example_of, keys_of, models
from monitor.model.errors import ConfigError
from monitor.model.limit import Profile, ShockRule
from monitor.model.rules.accuracy import propagated


def explain(*words: str) -> str:
    result = CliRunner().invoke(app, ["limits", "explain", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_all_kinds_have_a_line() -> None:
    *lines, blank, more = explain().splitlines()
    assert (blank, more) == ("", "Keys and an example of one of them: tcm limits explain KIND")
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(MEANINGS) == list(models())
    assert [entry["kind"] for entry in json.loads(explain("--json"))] == list(MEANINGS)


@pytest.mark.parametrize("kind", MEANINGS)
def test_every_key_is_explained(kind: str) -> None:
    """With meaning and example; what the table says is required is what the model requires."""
    keys = keys_of(kind)
    shown = explain(kind)
    for key in keys:
        assert key.meaning and key.example and key.key in shown, key.key
    fields = [(field.alias or name, field.is_required()) for name, field in models()[kind].model_fields.items()]
    assert [(key.key, key.is_required) for key in keys] == [field for field in fields if field[0] != "is_flow"]
    document = json.loads(explain(kind, "--json"))
    assert [entry["key"] for entry in document["keys"]] == [key.key for key in keys]
    assert document["rule"] == example_of(kind)


@pytest.mark.parametrize("kind", MEANINGS)
def test_the_examples_load(kind: str) -> None:
    """People copy them."""
    profile = Profile.model_validate({"name": "example", **tomllib.loads(example_of(kind))})
    assert {rule.kind for rule in profile.rule} == {kind}


def test_every_check_of_health_is_explained() -> None:
    """What it says, its keys, and an example."""
    shown = json.loads(explain("health", "--json"))["checks"]
    assert [entry["check"] for entry in shown] == list(CHECKS)
    assert next(entry["keys"] for entry in shown if entry["check"] == "clock") == ["for", "step"]
    rows = {line.split()[0] for line in explain("health").splitlines() if line.strip()}
    assert set(CHECKS) <= rows
    assert {rule["check"] for rule in tomllib.loads(example_of("health"))["rule"]} == set(CHECKS)


@pytest.mark.parametrize("kind", MEANINGS)
def test_guard_is_said_to_have_no_effect_where_it_has_none(kind: str) -> None:
    """Where no example of the kind has an uncertainty; where some have none, it says which have one."""
    rules = Profile.model_validate({"name": "example", **tomllib.loads(example_of(kind))}).rule
    channels = ["shock.a" if isinstance(rule, ShockRule) else rule.channel for rule in rules]
    known = [propagated(rule, lambda _: 1.0, at, 1.0) is not None for rule, at in zip(rules, channels, strict=True)]
    (meaning,) = (key.meaning for key in keys_of(kind) if key.key == "guard")
    assert any(known) == (kind not in UNGUARDED) == (not meaning.startswith("no effect"))
    assert all(known) == ("only with" not in meaning and kind not in UNGUARDED)


def test_the_known_phases_are_named() -> None:
    (meaning,) = (key.meaning for key in keys_of("threshold") if key.key == "phases")
    assert "(road, handling, air, storage, open, and those of your legs)" in meaning


LEVELS = {"peak", "velocity_change", "damage_boundary", "srs", "drop_height"}
OTHERS = {"above": {"below", "clear"}, "below": {"above", "clear"}}  # what a key does not stand beside
OTHERS |= {level: LEVELS - {level} | {"q", "min_duration", "lowpass"} for level in LEVELS}


@pytest.mark.parametrize("kind", MEANINGS)
def test_every_example_of_a_key_fits_it(kind: str) -> None:
    """Put into one of the kind's example rules it still loads, and so does the default."""
    rules = tomllib.loads(example_of(kind))["rule"]
    for key in keys_of(kind):
        bare = [{name: rule[name] for name in rule if name not in OTHERS.get(key.key, ())} for rule in rules]
        for text in filter(None, (key.example, key.default)):
            value = tomllib.loads(f"value = {text}")["value"]
            assert any(_loads({**rule, key.key: value}) for rule in bare), (key.key, text)


def _loads(rule: dict[str, object]) -> bool:
    try:
        Profile.model_validate({"name": "example", "rule": [rule]})
    except ValueError:
        return False
    return True


def test_an_unknown_kind_lists_those_there_are() -> None:
    """Exit status 2, as for every wrong use."""
    result = CliRunner().invoke(app, ["limits", "explain", "bump"])
    assert isinstance(result.exception, ConfigError)  # `main` turns it into status 2
    assert "expected one of threshold, rate, exposure" in str(result.exception)
