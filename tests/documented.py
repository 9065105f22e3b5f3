"""The commands that the documentation names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from monitor.cli.commands import app


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each command with its words, from the program itself."""
    if hasattr(command, "commands"):
        for word, below in command.commands.items():
            yield from commands(below, f"{name} {word}")
    else:
        yield name, command


COMMANDS = dict(commands(typer.main.get_command(app), "tcm"))
