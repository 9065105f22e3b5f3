"""docs/backtest.md: its example answers what the page says."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from monitor.cli import main
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.stations import Station, rules

PAGE = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \$ (tcm .+)\n((?:    .*\n|\n(?=    (?!\$)))*)", PAGE, re.MULTILINE)
JOURNALLED = {"id": "temperature-high", "kind": "threshold", "channel": "temperature.hardware", "above": "25 degC"}
JOURNALLED |= {"clear": "24.5 degC", "severity": "warning"}
MINUTE_NS = 60 * S
SECONDS = re.compile(r"in [0-9.]+ s$", re.MULTILINE)


def warmth() -> list[float]:
    """A reading each minute: morning, a short while in the sun, noon in the sun."""
    rest, hot = [21.0] * 60, [26.4] * 12
    rise, fall = [21.0 + 0.18 * minute for minute in range(30)], [26.4 - 0.27 * minute for minute in range(20)]
    peak = [25.0, 25.3, 25.2, 24.8, 23.0]
    return [*rest, *peak, *rest, *rise, *hot, *fall, *rest]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page speaks of: a state directory and the limits file."""
    content = env(0, t0=T0, values=[[value] for value in warmth()]) | {"ch": ["temperature.hardware"], "dt": 60_000_000}
    Station(tmp_path / "var", rules(JOURNALLED)).run(arrival("env", content, T0 + 3600 * S, "L-01"))
    (limits,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "new.toml").write_text(limits, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize(("command", "answer"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_of_the_page_answers_what_the_page_says(
    command: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the character, but for the seconds that it took."""
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().out
    expected = "".join(line.removeprefix("    ") for line in answer.splitlines(keepends=True))
    assert SECONDS.sub("in a moment", said).rstrip() == SECONDS.sub("in a moment", expected).rstrip()
    assert ended.value.code == 1
