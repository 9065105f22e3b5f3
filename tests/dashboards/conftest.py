"""The journey that all pages are tried on: it takes half a minute, so there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboards.journey import Journey, watched_journey
from tests.servers import Influxd, Mosquitto


@pytest.fixture(scope="session")
def journey(
    tmp_path_factory: pytest.TempPathFactory, mosquitto_server: Mosquitto, influx_server: Influxd
) -> Iterator[Journey]:
    """Two days of the return journey in InfluxDB."""
    with watched_journey(tmp_path_factory.mktemp("journey"), mosquitto_server, influx_server) as watched:
        yield watched
