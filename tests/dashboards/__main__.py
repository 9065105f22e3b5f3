"""`python -m tests.dashboards`: draw the pages, over a journey of their own, into docs/images."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.commands import REPOSITORY
from tests.dashboards.grafana import pages
from tests.dashboards.journey import watched_journey
from tests.dashboards.opened import opened
from tests.dashboards.pictures import draw_page
from tests.servers import influxd, mosquitto

IMAGES = REPOSITORY / "docs" / "images"


def main() -> None:
    """Write a picture of each page."""
    with (
        tempfile.TemporaryDirectory(prefix="tcm-pictures-") as folder,
        mosquitto() as broker,
        influxd() as server,
        watched_journey(Path(folder), broker, server) as journey,
    ):
        for name, page in pages().items():
            draw_page(opened(journey, name, page), IMAGES / f"dashboard-{name}.png")


if __name__ == "__main__":
    main()
