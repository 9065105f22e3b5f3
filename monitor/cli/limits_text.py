"""Limits profiles as lines of text: which there are, and what differs between two."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

from monitor.cli.alert_text import shown
from monitor.model.strict import Severity

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.config.difference import Change, Difference

INDENT = "    "
KEY = 16  # characters of a key


def profile_rows(config: Config) -> list[dict[str, Any]]:
    """Each profile, by name, with the containers that are watched under it: those that the files name."""
    rules = config.rules
    watched = {name: rules.profile(name).name for name in sorted(rules.containers)}
    return [
        {
            "profile": name,
            "title": profile.title,
            "rules": len(profile.rule),
            "severities": _severities(Counter(rule.severity for rule in profile.rule)),
            "containers": [container for container, of in watched.items() if of == name],
            "is_default": name == rules.ingest.default_limits,
            "digest": rules.digest_of(name),
            "file": config.files["profiles", name],
        }
        for name, profile in sorted(rules.profiles.items())
    ]


def _severities(counts: Counter[Severity]) -> dict[str, int]:
    return {severity: counts[severity] for severity in reversed(get_args(Severity))}


def list_lines(rows: list[dict[str, Any]], width: int) -> Iterator[str]:
    """Some lines of each profile."""
    if not rows:
        yield "no limits profiles"
    for row in rows:
        counts = ", ".join(f"{count} {severity}" for severity, count in row["severities"].items() if count)
        yield from _wrapped(f"{row['profile']}: {row['rules']} rules ({counts})", width)
        containers = ", ".join(row["containers"]) or "no registered container"
        default = "; default of all that name none" if row["is_default"] else ""
        for line in (row["title"], f"watches {containers}{default}", row["file"], f"digest {row['digest']}"):
            yield from _wrapped(f"{INDENT}{line}" if line else "", width)


def difference_document(difference: Difference) -> dict[str, Any]:
    """A difference as JSON."""
    return {
        "about": [change._asdict() for change in difference.about],
        "removed": difference.removed,
        "added": difference.added,
        "changed": [
            {"rule": rule, "keys": [change._asdict() for change in changes]}
            for rule, changes in difference.changed.items()
        ],
        "same": difference.same,
    }


def difference_lines(difference: Difference, width: int) -> Iterator[str]:
    """Each rule that differs with the keys that do, then how many there are of each sort."""
    for change in difference.about:
        yield from _change(change, "", width)
    for rule, changes in difference.changed.items():
        yield f"{rule}: changed"
        for change in changes:
            yield from _change(change, INDENT, width)
    for what, rules in (("added", difference.added), ("removed", difference.removed)):
        for content in rules:
            yield f"{content['id']}: {what}"
            for key, value in content.items():
                if key != "id":
                    yield from _wrapped(f"{INDENT}{key:<{KEY}}{shown(value)}", width)
    counts = {"changed": len(difference.changed), "added": len(difference.added), "removed": len(difference.removed)}
    said = [f"{count} {what}" for what, count in counts.items() if count]
    yield f"rules: {', '.join([*said, f'{difference.same} the same'])}"


def _change(change: Change, indent: str, width: int) -> list[str]:
    before, after = ("-" if value is None else shown(value) for value in (change.before, change.after))
    return _wrapped(f"{indent}{change.key:<{KEY}}{before} -> {after}", width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=INDENT * 2, break_on_hyphens=False)
