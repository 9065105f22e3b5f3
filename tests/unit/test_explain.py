"""`tcm limits explain`: every kind and every key is explained, and the examples are rules that load."""

from __future__ import annotations

import json
import tomllib

import pytest
from typer.testing import CliRunner

from monitor.cli.commands import app
from monitor.config.explain import MEANINGS, example_of, keys_of, models
from monitor.model.errors import ConfigError
from monitor.model.limit import Profile


def explain(*words: str) -> str:
    result = CliRunner().invoke(app, ["limits", "explain", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_all_kinds_have_a_line() -> None:
    lines = explain().splitlines()
    assert [line.split()[0] for line in lines] == list(MEANINGS) == list(models())
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


OTHERS = {"above": {"below", "clear"}, "below": {"above", "clear"}}  # what a key does not stand beside


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
