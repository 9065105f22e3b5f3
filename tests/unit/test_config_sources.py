"""`[[source]]` in monitor.toml: what is wrong is said at once, with key and expectation; sources are journalled."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import Rules, load_config, warnings_of
from tests.configs import MINIMAL, PROFILE, problems, write

GOOD = """
[[source]]
topic = "site/+/senml"
format = "senml-json"
container = "C-9"
logger_level = 2

[[source]]
topic = "gate/json"
format = "json"
container = "C-1"
logger_path = "$.device"
rows = "readings"
time = "at"
time_unit = "rfc3339"
channels = {"t" = "temperature.air", "values[1].rh" = "humidity.air"}
units = {"t" = "K"}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The least that loads, with a container of one logger."""
    write(tmp_path / "limits" / "basic.toml", PROFILE)
    write(tmp_path / "containers" / "C-1.toml", 'id = "C-1"\n[[logger]]\nid = "L-1"\n')
    return tmp_path / "monitor.toml"


def test_sources_load_and_are_journalled(settings: Path) -> None:
    """They are part of the rules: what turned a message into readings stands in the journal before it."""
    write(settings, MINIMAL + GOOD)
    config = load_config(settings)
    assert [source.topic for source in config.rules.sources] == ["site/+/senml", "gate/json"]
    assert Rules.from_json(config.rules.to_json()) == config.rules
    write(settings, MINIMAL + GOOD.replace('"K"', '"degC"'))
    assert load_config(settings).digest != config.digest
    assert [problem.message for problem in warnings_of(config) if problem.key == "source[1].container"] == [
        "C-9 is not registered; its loggers are watched as unknown ones"
    ]


def test_everything_wrong_in_sources_is_reported_at_once(settings: Path) -> None:
    """Each mistake with its key, those between sources and files too."""
    write(
        settings,
        MINIMAL
        + """
[[source]]
topic = "tcm/+/x/#"
format = "senml"
container = "C 1"
logger_level = 0
chanels = {}

[[source]]
topic = "a/b+"
format = "json"
container = "C-1"
logger = "L-1"
time = "a..b"
time_unit = "min"
channels = {"t" = "temperature", "u" = 5}

[[source]]
topic = "site/#"
format = "json"
container = "C-2"
logger = "L-1"
channels = {"t" = "temperature.air"}

[[source]]
topic = "site/+/x"
format = "json"
container = "C-2"
logger = "L-2"
channels = {"t" = "temperature.air"}
""",
    )
    expected = {
        "source[1].topic": "expected a filter that takes nothing of tcm/v1/#, got 'tcm/+/x/#'",
        "source[1].format": "expected 'senml-json', 'senml-cbor' or 'json', got 'senml'",
        "source[1].container": "expected 1 to 64 letters, digits or the signs _ . -, got 'C 1'",
        "source[1].logger_level": "expected 1 or more, got 0",
        "source[1].chanels": "unknown key; expected one of topic, format, container, logger, logger_level, logger_path",
        "source[2].topic": "expected + and # as whole levels only",
        "source[2].time": "expected a path such as values[0].temp",
        "source[2].time_unit": "expected 's', 'ms', 'us', 'ns' or 'rfc3339', got 'min'",
        "source[2].channels.u": "expected text in quotes, got 5",
        "source[4].topic": "expected topics of its own, 'site/+/x' and 'site/#' of source[3] share some",
        "source[3].logger": "expected a logger of C-2, L-1 is registered in container C-1",
    }
    found = {key: message for (_, key), message in problems(settings).items()}
    assert found.keys() == expected.keys()
    for key, message in expected.items():
        assert found[key].startswith(message), key


TOGETHER: dict[str, tuple[str, dict[str, str]]] = {
    "channel": ('format = "json"\nlogger = "L"\nchannels = {"t" = "temperature"}', {
        "channels.t": "expected a channel such as temperature.air, got 'temperature'"}),
    "no logger": ('format = "json"\nchannels = {"t" = "temperature.air"}', {"logger": "missing; expected logger"}),
    "two loggers": ('format = "senml-json"\nlogger = "L"\nlogger_level = 1', {"logger_level": "expected only one of"}),
    "level": ('format = "senml-json"\nlogger_level = 3', {"logger_level": "expected a level of 'x/y' from 1 to 2"}),
    "full name": ('format = "senml-cbor"\nchannels = {"urn:a:t" = "temperature.air"}', {"logger": "missing; expected"}),
    "json keys": ('format = "senml-json"\nrows = "a"\ntime = "b"\ntime_unit = "s"\nlogger_path = "c"', {
        "rows": "expected only with format json", "time": "expected only", "time_unit": "expected only",
        "logger_path": "expected only"}),
    "no channels": ('format = "json"\nlogger = "L"', {"channels": "missing; expected a table of paths"}),
    "time without unit": ('format = "json"\nlogger = "L"\nchannels = {"t" = "light.a"}\ntime = "at"', {
        "time_unit": "expected both time and time_unit"}),
    "path": ('format = "json"\nlogger = "L"\nchannels = {"t[" = "light.a"}', {
        "channels": "expected a path such as values[0].temp"}),
    "twice": ('format = "json"\nlogger = "L"\nchannels = {"t" = "light.a", "u" = "light.a"}', {
        "channels.u": "expected a channel of its own, got light.a twice"}),
    "units": ('format = "senml-json"\nchannels = {"t" = "light.a"}\nunits = {"t" = "K", "u" = "K"}', {
        "units.t": "expected a unit of light (lx), got 'K'", "units.u": "expected a key of channels"}),
    "unit and unit of time": ('format = "json"\nlogger = "L"\ntime_unit = "min"\nchannels = {"t" = "light.a"}\n'
        'units = {"t" = "K"}', {"units.t": "expected a unit of light", "time_unit": "expected 's', 'ms'"}),
    "unit of a wrong channel": ('format = "json"\nlogger = "L"\nchannels = {"t" = "light"}\nunits = {"t" = "K"}', {
        "channels.t": "expected a channel such as"}),
}  # fmt: skip


@pytest.mark.parametrize("what", TOGETHER)
def test_keys_that_do_not_go_together(settings: Path, what: str) -> None:
    """The key that is to be changed, and to what."""
    table, expected = TOGETHER[what]
    write(settings, f'{MINIMAL}[[source]]\ntopic = "x/y"\ncontainer = "C-1"\n{table}\n')
    found = {key.removeprefix("source[1]."): message for (_, key), message in problems(settings).items()}
    assert found.keys() == expected.keys()
    for key, message in expected.items():
        assert found[key].startswith(message), found[key]


@pytest.mark.parametrize(("topic", "level", "is_good"), [
    ("L-7/+", 1, True), ("urn:L-7/+", 1, True), ("L 7/+", 1, False), ("L 7/+", 2, True), ("a//+", 2, False),
    ("a/#", 2, True), ("a/#", 5, True),
])  # fmt: skip
def test_a_level_that_can_name_no_logger(settings: Path, topic: str, level: int, is_good: bool) -> None:
    """A fixed level is known already; every message would go to quarantine."""
    table = f'topic = "{topic}"\nformat = "senml-json"\ncontainer = "C-1"\nlogger_level = {level}\n'
    write(settings, f"{MINIMAL}[[source]]\n{table}")
    if is_good:
        assert load_config(settings).rules.sources[0].logger_level == level
        return
    assert list(problems(settings).values()) == [
        f"expected a level that can name a logger, {level} of {topic!r} is {topic.split('/')[level - 1]!r}"
    ]


@pytest.mark.parametrize("topic", ["", "#", "$SYS/#", "$share/g/a", "tcm/v1/C/L/up/env", "+/v1/#", "a/#/b", "a\0b"])
def test_filters_that_no_source_may_have(settings: Path, topic: str) -> None:
    """Those that are none, that would take the loggers' own topics, or that the broker treats otherwise."""
    text = topic.replace("\0", "\\u0000")
    write(settings, f'{MINIMAL}[[source]]\ntopic = "{text}"\nformat = "senml-json"\ncontainer = "C-1"\n')
    assert [key for _, key in problems(settings)] == ["source[1].topic"]
