"""`python -m dashboards`: write the JSON of all pages to dashboards/json, the same bytes for the same pages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.pages import PAGES
from monitor.model.errors import TcmError

JSON = Path(__file__).parent / "json"


def text_of(page: Dashboard) -> str:
    """A page as Grafana reads it: keys in order, so that a change of one panel is a change of its lines."""
    return json.dumps(page.build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def texts() -> dict[str, str]:
    """Every page by the name of its file."""
    return {f"{name}.json": text_of(page()) for name, page in PAGES.items()}


def main() -> int:
    """Write what changed, remove what is no page any more, and say so."""
    try:
        wanted = texts()
    except TcmError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    JSON.mkdir(exist_ok=True)
    for file in sorted(JSON.glob("*.json")):
        if file.name not in wanted:
            file.unlink()
            sys.stdout.write(f"removed {file.name}\n")
    for name, text in wanted.items():
        file = JSON / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
