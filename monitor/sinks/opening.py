"""From the configuration to the store it names."""

from __future__ import annotations

from pathlib import Path

from monitor.config import StoreSettings
from monitor.sinks.sink import Sink


def open_sink(settings: StoreSettings, state_dir: Path) -> Sink:
    """The store that the configuration names; it need not answer yet."""
    if settings.kind == "embedded":
        from monitor.sinks.embedded import EmbeddedSink

        return EmbeddedSink(state_dir / "series.db")
    from monitor.sinks.influx import InfluxSink  # 0.4 s that the embedded store does not need

    return InfluxSink(
        settings.url or "",
        settings.dialect or "v2",
        (settings.database if settings.dialect == "v1" else settings.bucket) or "",
        org=settings.org or "",
        token=(settings.token() or "") if settings.dialect == "v2" else "",
        username=settings.username or "",
        password=settings.password() or "",
    )
