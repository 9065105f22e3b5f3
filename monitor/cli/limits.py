"""`tcm limits`: which profiles there are, what rules may say, what a file would change, and changing it."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, console, load, print_json, tell

if TYPE_CHECKING:
    from monitor.model.limit import Profile

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Limits profiles: list, explain, compare, set.")
KIND = 14  # characters of a kind's name


@app.callback()
def limits() -> None:
    """Limits profiles: which there are, what their rules mean, what differs, and changing one."""


@app.command("list")
def list_profiles(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the profiles, each with the containers that are watched under it. Example: tcm limits list"""
    from monitor.cli.limits_text import list_lines, profile_rows

    rows = profile_rows(load(config))
    if as_json:
        print_json(rows)
    else:
        print("\n".join(list_lines(rows, console().width)))


@app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="A limits file, or the name of a profile.")],
    after: Annotated[str, typer.Argument(help="Another one.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two profiles or files, rule by rule.

    Example: tcm limits diff flight-hardware new.toml
    """
    from monitor.cli.limits_text import difference_document, difference_lines
    from monitor.config.difference import difference

    found = difference(_profile(before, config), _profile(after, config))
    if as_json:
        print_json(difference_document(found))
    else:
        print("\n".join(difference_lines(found, console().width)))


@app.command("set")
def set_(
    file: Annotated[Path, typer.Argument(help="The new limits; the name in it says which profile they replace.")],
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it and show the difference, nothing else.")
    ] = False,
    is_new: Annotated[
        bool, typer.Option("--new", help="A profile of this name is not there yet, nor watches anything.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Check a limits file, put it in its place, and have the daemon take it up; else nothing is changed.

    Example: tcm limits set new.toml --dry-run
    """
    from monitor.cli.limits_set import set_limits

    set_limits(config, file, is_dry_run=is_dry_run, is_new=is_new, as_json=as_json)


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


def _profile(name: str, config: Path) -> Profile:
    """The profile of a file, where there is such a file; else that of the name."""
    from monitor.config import load_profile
    from monitor.model.errors import UnknownName

    path = Path(name)
    if path.is_file():
        return load_profile(path)
    profiles = load(config).rules.profiles
    if name not in profiles:
        hint = f"profiles are {', '.join(sorted(profiles)) or 'none'}"
        raise UnknownName("compare limits", name, "there is no such file and no such profile", hint)
    return profiles[name]


def _show_kinds(meanings: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json([{"kind": kind, "meaning": meaning} for kind, meaning in meanings.items()])
        return
    for kind, meaning in meanings.items():
        print("\n".join(textwrap.wrap(f"{kind:<{KIND}}{meaning}", console().width, subsequent_indent=" " * KIND)))
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
    tell(f"{kind}: {meaning}")
    out = console()
    out.print(table)
    if kind == "health":
        of_checks = Table("check", "what is wrong", "its keys, beside those of every rule", box=box.SIMPLE_HEAD)
        for check in checks():
            of_checks.add_row(check.check, check.meaning, ", ".join(check.keys) or "-")
        out.print(of_checks)
    print(example_of(kind), end="")
