"""`tcm limits`: what rules may say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from monitor.cli.output import JsonOption, console, print_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Limits profiles and the kinds of rules in them.")


@app.callback()
def limits() -> None:
    """Limits profiles and the kinds of rules in them."""


@app.command("explain")
def explain(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="A kind of rule; without one all kinds.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Explain a kind of rule, key by key. Example: tcm limits explain threshold"""
    from monitor.config.explain import MEANINGS
    from monitor.model.errors import ConfigError

    if not kind:
        _show_kinds(MEANINGS, as_json)
    elif kind in MEANINGS:
        _show_keys(kind, MEANINGS[kind], as_json)
    else:
        raise ConfigError("explain", kind, "no such kind of rule", f"expected one of {', '.join(MEANINGS)}")


def _show_kinds(meanings: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json([{"kind": kind, "meaning": meaning} for kind, meaning in meanings.items()])
        return
    for kind, meaning in meanings.items():
        print(f"{kind:<14}{meaning}")
    print("\nKeys and an example of one of them: tcm limits explain KIND")


def _show_keys(kind: str, meaning: str, as_json: bool) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from monitor.config.explain import checks, example_of, keys_of

    keys = keys_of(kind)
    if as_json:
        document = {"kind": kind, "meaning": meaning, "keys": [asdict(key) for key in keys], "rule": example_of(kind)}
        print_json(document | ({"checks": [asdict(check) for check in checks()]} if kind == "health" else {}))
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("key", no_wrap=True)
    for heading in ("meaning", "unit", "default", "example"):
        table.add_column(heading, overflow="fold")
    for key in keys:
        default = "required" if key.is_required else key.default or "-"
        table.add_row(*(Text(cell) for cell in (key.key, key.meaning, key.unit or "-", default, key.example)))
    print(f"{kind}: {meaning}")
    out = console()
    out.print(table)
    if kind == "health":
        of_checks = Table("check", "what is wrong", "its keys, beside those of every rule", box=box.SIMPLE_HEAD)
        for check in checks():
            of_checks.add_row(check.check, check.meaning, ", ".join(check.keys) or "-")
        out.print(of_checks)
    print(example_of(kind), end="")
