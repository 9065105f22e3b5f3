"""What `tcm check --connect` says of a broker and a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.daemon import DaemonProcess


class Answer(NamedTuple):
    """Key and message of each error and warning."""

    errors: dict[str, str]
    warnings: dict[str, str]


def check(
    folder: Path, broker_url: str, store: str = 'kind = "embedded"', mqtt: str = "", protocol: str = "5"
) -> Answer:
    """What the command says of this table [store] and these lines of [mqtt]."""
    one = DaemonProcess(folder, broker_url, store, protocol=protocol)
    one.config.write_text(one.config.read_text().replace("[store]", f"{mqtt}\n[store]"))
    document = json.loads(one.tcm("check", "--connect", "--json").stdout)
    return Answer(*({each["key"]: each["message"] for each in document[kind]} for kind in ("errors", "warnings")))
