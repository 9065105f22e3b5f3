"""When the certificates end that the configuration names: a gateway whose own has ended hears no logger any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from monitor.config.certificates import UnusableFile, read_certificate, tls_context, trust_ends
from monitor.config.config import Config
from monitor.model.clock import NS_PER_S
from monitor.model.condition import CERTIFICATE_ENDS, GATEWAY, Condition

SOON = timedelta(days=60)  # to make another, carry it there and restart, holidays included


class NamedFile(NamedTuple):
    """A file with certificates, and the key of monitor.toml that names it."""

    key: str
    path: Path

    @property
    def ends(self) -> datetime | None:
        """When our certificate, or the last of the authorities, ends; UnusableFile when it cannot be used."""
        return read_certificate(self.path).ends if self.key.endswith("cert_file") else trust_ends(self.path)


class Ending(NamedTuple):
    """A key of monitor.toml whose certificate ends then (aware)."""

    key: str
    ends: datetime


def named_files(config: Config) -> Iterator[NamedFile]:
    """Each file of certificates that broker, store and notifiers are reached with."""
    for table, settings in _tables(config):
        for key in ("ca_file", "cert_file"):
            path = getattr(settings, key, None)
            if path is not None:
                yield NamedFile(f"{table}.{key}", path)


def unusable_files(config: Config) -> Iterator[tuple[str, UnusableFile]]:
    """The key of each file with which the daemon would not start, and why; not those that only it may read."""
    for table, settings in _tables(config):
        try:
            tls_context(*(getattr(settings, key, None) for key in ("ca_file", "cert_file", "key_file")))
        except UnusableFile as error:
            if not error.is_closed:
                yield f"{table}.{error.key}", error


def _tables(config: Config) -> list[tuple[str, object]]:
    return [
        *(("mqtt", config.mqtt), ("store", config.store)),
        *((f"notifier.{each.name}", each) for each in config.notifiers),
    ]


def endings(config: Config) -> list[Ending]:
    """When each of them ends, as they are now; UnusableFile when one cannot be used."""
    found = [(each.key, each.ends) for each in named_files(config)]
    return [Ending(key, ends) for key, ends in found if ends is not None]


def soon(ends: datetime, now: datetime) -> str:
    """In words that a certificate has ended or does so within SOON, "" when it does not."""
    if ends <= now:
        return f"ended on {ends:%Y-%m-%d}"
    if ends - now > SOON:
        return ""
    return f"ends on {ends:%Y-%m-%d}, in {(ends - now).days} days"


def end_conditions(found: list[Ending], now_ns: int) -> list[Condition]:
    """That certificates which were read at the start end soon: one condition, which a restart with others ends."""
    now = datetime.fromtimestamp(now_ns / NS_PER_S, UTC)
    texts = [f"{each.key} {words}" for each in found if (words := soon(each.ends, now))]
    hint = "make it anew, then restart the daemon"
    return [Condition(CERTIFICATE_ENDS, GATEWAY, GATEWAY, f"{', '.join(texts)}: {hint}")] if texts else []
