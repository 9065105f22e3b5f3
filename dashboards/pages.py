"""All pages by the names of their files."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.container import container
from dashboards.exposure import exposure
from dashboards.fleet import fleet
from dashboards.monitor import monitor
from dashboards.shock import shock

PAGES: dict[str, Callable[[], Dashboard]] = {
    "fleet": fleet,
    "container": container,
    "shock": shock,
    "exposure": exposure,
    "monitor": monitor,
}
