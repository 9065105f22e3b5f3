"""How commands journal what operators enter: through the running daemon, or without one directly under the lock."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import access, ask_daemon, load, query, say

if TYPE_CHECKING:
    from monitor.config import Access, Config
    from monitor.journal import JournalReader
    from monitor.model.operator import OperatorRecord

ENTRY_S = 60.0  # a little longer than the daemon gives itself, and whoever entered just before
UPLOAD_S = 120.0

ContainerArgument = Annotated[str, typer.Argument(help="The container's id.")]
AtOption = Annotated[str | None, typer.Option(help="Since when, RFC 3339 with zone; default: now.")]
ByOption = Annotated[str | None, typer.Option(help="Who says so; default: the login name.")]
RemarkOption = Annotated[str, typer.Option(help="Why, one line.")]
NewOption = Annotated[bool, typer.Option("--new", help="Enter it although nobody planned such a name.")]


def enter(config: Path, content: dict[str, Any], files: Sequence[Path] = ()) -> dict[str, Any]:
    """Journal an operator's record with `files` attached; what the journal has of it, with its `pos`.

    Of `content` what is None is left out; who enters it is by default the login name. Warnings go to standard error.
    UnknownName, Conflict or another TcmError when it cannot be entered: then nothing was.
    """
    from monitor.ingest.operating import ANYWAY
    from monitor.model.errors import TcmError

    _require_sendable(files)
    content = {key: value for key, value in content.items() if value is not None}
    if "by" not in content:
        content["by"] = _login_name()
    try:
        said = _through_daemon(access(config), content, files) or _directly(load(config), content, files)
    except TcmError as error:
        raise type(error)(str(error).replace(ANYWAY, "--new")) from None
    for warning in said.pop("warnings"):
        say(f"tcm: warning: {warning}")
    return said


def _require_sendable(files: Sequence[Path]) -> None:
    """TcmError when so many files, or of such names, are not taken: nothing is sent then."""
    from monitor.model.errors import TcmError
    from monitor.model.operator_keys import MAX_ATTACHMENTS, file_name

    if len(files) > MAX_ATTACHMENTS:
        raise TcmError("attach", "", f"expected at most {MAX_ATTACHMENTS} files, got {len(files)}")
    for path in files:
        file_name(path.name, f"attach: {str(path)!r}")


def _login_name() -> str:
    """Of the person, also under sudo: else all operators would be root."""
    import getpass

    from monitor.model.errors import TcmError

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError, ImportError) as error:  # each where the system has no name for the user
        raise TcmError("enter", "--by", f"no login name: {error}", "give one with --by") from None


def _through_daemon(daemon: Access, content: dict[str, Any], files: Sequence[Path]) -> dict[str, Any] | None:
    """What the daemon says, None when none listens. What it was sent and no record names goes in time."""
    attached = []
    for path in files:
        uploaded = ask_daemon(daemon, f"/api/attachments{query(name=path.name)}", _content_of(path), UPLOAD_S)
        if uploaded is None:
            return None
        attached.append(uploaded)
    body = json.dumps(content | ({"attachments": attached} if attached else {})).encode()
    return ask_daemon(daemon, "/api/operator", body, ENTRY_S, "application/json")


def _content_of(path: Path) -> bytes:
    from monitor.model.errors import TcmError
    from monitor.model.operator_keys import MAX_ATTACHMENT_BYTES
    from monitor.model.regular_file import open_regular

    try:
        with open_regular(path) as file:
            content = file.read(MAX_ATTACHMENT_BYTES + 1)
    except OSError as error:
        raise TcmError("attach", str(path), error.strerror or str(error)) from None
    if len(content) > MAX_ATTACHMENT_BYTES:
        raise TcmError("attach", str(path), f"expected at most {MAX_ATTACHMENT_BYTES >> 20} MiB", "keep it elsewhere")
    return content


def _directly(config: Config, content: dict[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """Without a daemon: under the lock of the state directory, by the same checks."""
    from contextlib import closing

    from monitor.ingest.operating import admit, answer
    from monitor.journal import JournalReader, StateLock
    from monitor.journal.attachments import Attachments
    from monitor.model.clock import SystemClock
    from monitor.parts import open_journal

    clock = SystemClock()
    with StateLock(config.state_dir), closing(open_journal(config, clock)) as journal:
        with closing(JournalReader(config.state_dir)) as reader:

            def admitted(wanted: dict[str, Any]) -> tuple[OperatorRecord, list[str]]:
                return admit(wanted, config.rules, reader, clock.now_ns(), lambda key: _alert(config, reader, key))

            admitted(content)  # nothing is attached to what is refused
            store = Attachments(config.state_dir, config.journal.reserve_bytes)
            attached = [store.put(path) for path in files]
            record, warnings = admitted(content | ({"attachments": attached} if attached else {}))
        journal.append_own("operator", record.entered_ns, record.to_json(), record.container)
        return answer(journal.pos, record, warnings)


def _alert(config: Config, journal: JournalReader, key: str) -> dict[str, Any] | None:
    """The alert of an id as the daemon left it, and what was entered about it since."""
    from contextlib import closing

    from monitor.consumers import WatchReader
    from monitor.consumers.acted import alert_as_acted

    if not (config.state_dir / "watch.db").exists():
        return None
    with closing(WatchReader(config.state_dir)) as watch:
        return alert_as_acted(watch, journal, key)
