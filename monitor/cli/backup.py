"""`tcm backup`: a copy of the state directory, beside the running daemon."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.journal import bar
from monitor.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, access, print_json


def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Copy the state directory while the daemon runs; the copy can be used as state_dir as it is.

    Example: tcm backup /media/backup/2026-11-23
    """
    from monitor.journal.backup import back_up

    state_dir = access(config).state_dir
    with bar("back up") as progress:
        document = back_up(state_dir, folder.absolute(), progress)
    for sha256 in document["lost_attachments"]:
        print(f"tcm: warning: an operator's record names attachment {sha256}, which is not there", file=sys.stderr)
    if as_json:
        print_json(document)
        return
    print(
        f"{document['folder']}: {document['records']} records up to position {document['pos']}, "
        f"{document['bytes'] / 1e6:.1f} MB in {document['seconds']} s, checked\nhead {document['head']}"
    )
