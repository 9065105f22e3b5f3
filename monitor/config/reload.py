"""A configuration that was loaded anew while a daemon runs: what it takes up at once, and what needs a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import BaseModel

from monitor.config.config import Config
from monitor.config.rules import Rules


def taken_up(running: Config, loaded: Config) -> tuple[Config, list[str]]:
    """The running configuration with what can be taken up of the one that was loaded; the keys that need a restart.

    Limits, containers, consignments, `[ingest]` and `[alerts]` are taken up. Addresses, files and threads stay, and
    with them the instance's name and the sources, whose topics are subscribed at the start.
    """
    # Made anew: a copy would keep the digest of what it was copied from.
    fields = {name: getattr(loaded.rules, name) for name in Rules.model_fields}
    rules = Rules(**{**fields, "instance": running.instance, "sources": running.rules.sources})
    return replace(running, rules=rules, files=loaded.files), list(_left(running, loaded))


def _left(running: Config, loaded: Config) -> Iterator[str]:
    """Keys of monitor.toml that differ and are not taken up."""
    if loaded.instance != running.instance:
        yield "instance"
    if loaded.state_dir != running.state_dir:
        yield "state_dir"
    for table in ("mqtt", "store", "web", "journal"):
        yield from (f"{table}.{key}" for key in _differing(getattr(running, table), getattr(loaded, table)))
    if loaded.rules.sources != running.rules.sources:
        yield "source"
    if loaded.notifiers != running.notifiers:
        yield "notifier"


def _differing(one: BaseModel, other: BaseModel) -> list[str]:
    fields = type(one).model_fields.items()
    return [field.alias or name for name, field in fields if getattr(one, name) != getattr(other, name)]
