"""From the configuration to the store it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from monitor.config import StoreSettings
from monitor.sinks.sink import Sink

if TYPE_CHECKING:
    from monitor.sinks.influx import InfluxSink


class Login(NamedTuple):
    """As whom a server is asked: a token (v2), or a user and password (v1); empty ones are not sent."""

    token: str = ""
    username: str = ""
    password: str = ""


def open_sink(settings: StoreSettings, state_dir: Path) -> Sink:
    """The store that the configuration names; it need not answer yet."""
    if settings.kind == "embedded":
        from monitor.sinks.embedded import EmbeddedSink

        return EmbeddedSink(state_dir / "series.db")
    return open_influx(settings)


def open_long(settings: StoreSettings) -> tuple[InfluxSink, InfluxSink] | None:
    """The store once more, to be read, and its down-sampled copy, on connections of their own; None without a copy."""
    if settings.copy_name is None:
        return None
    return open_influx(settings), open_influx(settings, name=settings.copy_name)


def open_influx(settings: StoreSettings, login: Login | None = None, name: str | None = None) -> InfluxSink:
    """The InfluxDB that the configuration names, under another login, of another database or bucket, where given."""
    from monitor.sinks.influx import InfluxSink  # 0.4 s that the embedded store does not need

    token, username, password = login or login_of(settings)
    return InfluxSink(
        settings.url or "",
        settings.dialect or "v2",
        settings.name if name is None else name,
        org=settings.org or "",
        token=token,
        username=username,
        password=password,
        ca_file=settings.ca_file,
    )


def login_of(settings: StoreSettings) -> Login:
    """As whom the daemon writes; ConfigError when a file of it cannot be used."""
    token = (settings.token() or "") if settings.dialect == "v2" else ""
    return Login(token, settings.username or "", settings.password() or "")
