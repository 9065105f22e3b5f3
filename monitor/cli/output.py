"""What all commands share: the configuration option, JSON, errors, and the running daemon as a client sees it."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from monitor.config import Config

DEFAULT_CONFIG = Path("config/monitor.toml")
ConfigOption = Annotated[Path, typer.Option("--config", envvar="TCM_CONFIG", help="The configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
PIPE_WIDTH = 120
MAX_REASON_BYTES = 4096
HTTP_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 << 20


def load(path: Path) -> Config:
    """The configuration; ConfigProblems (a TcmError, exit 2) with everything that is wrong with it."""
    from monitor.config import load_config

    return load_config(path)


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def console() -> Console:
    """Where tables go: as wide as the terminal, in a pipe as COLUMNS says or else `PIPE_WIDTH`."""
    from rich.console import Console

    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(width=None if is_known else PIPE_WIDTH)


def table(*headings: str) -> Table:
    """A table whose cells are folded where they do not fit: nothing is cut off."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def fail(error: Exception) -> NoReturn:
    """Say on standard error what is wrong, and end with status 2."""
    print(f"tcm: {error}", file=sys.stderr)
    sys.exit(2)


def ask_daemon(
    config: Config,
    path: str,
    body: bytes | None = None,
    limit_s: float = HTTP_TIMEOUT_S,
    content_type: str = "application/octet-stream",
) -> Any | None:
    """The daemon's JSON answer to GET (or POST with a body), None when no daemon listens.

    Raises TcmError when it refuses the request.
    """
    from monitor.model.errors import TcmError

    url = f"http://{config.web.listen}{path}"
    headers = {} if body is None else {"Content-Type": content_type}
    request = urllib.request.Request(url, body, headers)  # the scheme is ours, http on the configured address
    try:
        with urllib.request.urlopen(request, timeout=limit_s) as answer:  # as above
            return json.loads(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        raise TcmError(_reason(error.read(MAX_REASON_BYTES)) or f"the daemon at {url} answers {error.code}") from None
    except (urllib.error.URLError, OSError):
        return None
    except ValueError as error:
        raise TcmError(
            "ask the daemon", url, f"its answer is no JSON: {error}", "does another program listen there?"
        ) from None


def _reason(answer: bytes) -> str:
    """What the daemon says is wrong, "" when it says nothing."""
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def query(**values: str | None) -> str:
    """A query string of the values that are given, "" for none."""
    given = {key: value for key, value in values.items() if value}
    return f"?{urllib.parse.urlencode(given)}" if given else ""


def require_state(config: Config) -> None:
    """TcmError when the state directory holds no journal yet."""
    from monitor.model.errors import TcmError

    if not (config.state_dir / "watch.db").exists():
        raise TcmError("read state", str(config.state_dir), "no daemon has run on it yet", "start one with: tcm run")


def require_container(config: Config, operation: str, container: str) -> None:
    """TcmError when a container is not registered and nothing ever came from it."""
    from contextlib import closing

    from monitor.journal import JournalReader
    from monitor.model.errors import TcmError

    rows = ask_daemon(config, f"/api/phases{query(container=container)}")
    if rows is None:
        with closing(JournalReader(config.state_dir)) as reader:
            rows = container in config.rules.containers or container in reader.containers()
    if not rows:
        raise TcmError(operation, container, "no such container", "tcm phase show lists all")
