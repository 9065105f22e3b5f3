"""docs/commands.md: every command has its line, no line is of a command that there is not, every example parses."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.commands import REPOSITORY
from tests.documented import COMMANDS

ROW = re.compile(r"\| `(tcm [a-z -]+)` \| (.+) \| `(.+)` \|")
ROWS = ROW.findall((REPOSITORY / "docs" / "commands.md").read_text())


def test_the_page_has_just_the_commands_that_there_are() -> None:
    """Each once."""
    assert sorted(name for name, _, _ in ROWS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_an_example_that_works(name: str) -> None:
    """In its help and on the page: words and options are those of the command."""
    helped = re.search(r"Example: (tcm .*)", COMMANDS[name].help or "")
    assert helped, f"{name}: no example in its help"
    (on_page,) = (example for of, _, example in ROWS if of == name)
    for example in (helped[1], on_page):
        words = shlex.split(example)
        assert words[: len(name.split())] == name.split()
        COMMANDS[name].make_context(name, words[len(name.split()) :])
