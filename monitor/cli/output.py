"""What all commands share: the configuration option, JSON, errors, and the running daemon as a client sees it."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from monitor import API, __version__

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from monitor.config import Access, Config
    from monitor.model.errors import TcmError

DEFAULT_CONFIG = Path("config/monitor.toml")
ConfigOption = Annotated[Path, typer.Option("--config", envvar="TCM_CONFIG", help="The configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
PIPE_WIDTH = 120
MAX_REASON_BYTES = 1 << 20  # a configuration may have many mistakes
HTTP_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 << 20
UNCERTAIN = "it may be done all the same: look before you repeat it, as with tcm log list"
OTHER_PROGRAM = "does another program listen there? else restart the daemon"


def load(path: Path) -> Config:
    """The configuration; ConfigProblems (a TcmError, exit 2) with everything that is wrong with it."""
    from monitor.config import load_config

    return load_config(path)


def access(path: Path) -> Access:
    """Where the daemon and its files are; ConfigProblems when that is wrong. A mistake elsewhere keeps nobody away."""
    from monitor.config import load_access

    return load_access(path)


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def console() -> Console:
    """Where tables go: as wide as the terminal, in a pipe as COLUMNS says or else `PIPE_WIDTH`."""
    from rich.console import Console

    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(width=None if is_known else PIPE_WIDTH)


def table(*headings: str, whole: str = "") -> Table:
    """A table whose cells are folded where they do not fit: nothing is cut off. Those of the column `whole` last."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        is_whole = heading == whole
        made.add_column(heading, overflow="ellipsis" if is_whole else "fold", no_wrap=is_whole)
    return made


def tell(text: str) -> None:
    """Text on standard output, its lines folded to the terminal where it is one."""
    _fold(console(), text, is_terminal=sys.stdout.isatty())


def say(text: str) -> None:
    """The same on standard error: what is no answer."""
    from rich.console import Console

    _fold(Console(stderr=True), text, is_terminal=sys.stderr.isatty())


def _fold(out: Console, text: str, *, is_terminal: bool) -> None:
    out.print(text, markup=False, highlight=False, emoji=False, soft_wrap=not is_terminal)


def fail(error: Exception, status: int = 2) -> NoReturn:
    """Say on standard error what is wrong, and end with a status."""
    say(f"tcm: {error}")
    sys.exit(status)


def ask_daemon(
    config: Access | Config,
    path: str,
    body: bytes | None = None,
    limit_s: float = HTTP_TIMEOUT_S,
    content_type: str = "application/octet-stream",
) -> Any | None:
    """The daemon's JSON answer to GET (or POST with a body, with the operators' token), None when no daemon listens.

    NoAnswer when one listens but does not answer. UnknownName, Conflict or another TcmError when it refuses the
    request, cannot be understood, or the token is not there for this user.
    """
    from monitor.model.errors import NoAnswer, TcmError

    url = f"http://{config.web.listen}{path}"
    headers, no_token = ({}, "") if body is None else _entitled(config, content_type)
    request = urllib.request.Request(url, body, headers)  # the scheme is ours, http on the configured address
    try:
        with open_directly(request, limit_s) as answer:
            require_api(url, answer.headers)
            return json.loads(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        require_api(url, error.headers)
        raise refusal(url, error, no_token) from None
    except OSError as error:
        if _is_nobody_there(error):
            return None
        hint = "it starts, hangs or is overloaded: tcm status" if body is None else UNCERTAIN
        raise NoAnswer("ask the daemon", url, f"it listens but does not answer: {error}", hint) from None
    except (ValueError, HTTPException) as error:
        raise TcmError("ask the daemon", url, f"its answer cannot be read: {error}", OTHER_PROGRAM) from None


def _is_nobody_there(error: OSError) -> bool:
    """Whether there was no connection, so that nothing was asked; a daemon that stands still lets nobody in either."""
    return isinstance(error, urllib.error.URLError) and not isinstance(error.reason, TimeoutError)


class _Connection(HTTPConnection):
    """One that hears why the daemon refuses although it takes no more of the body."""

    def send(self, data: Any) -> None:
        """As far as it is taken: where there is no answer either, reading it fails."""
        with suppress(BrokenPipeError, ConnectionResetError):
            super().send(data)


class _Direct(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Connection, req)


def open_directly(request: urllib.request.Request, limit_s: float) -> Any:
    """The answer to a request, whatever proxies the environment names: they are not to see the token."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _Direct).open(request, timeout=limit_s)


def require_api(url: str, headers: Message) -> None:
    """TcmError when an answer is not of a daemon that speaks this version's API."""
    from monitor.model.errors import TcmError

    api, version = headers.get("TCM-API"), headers.get("TCM-Version", "?")
    if api is None:
        cause = "what answers is no daemon, or one of an earlier version"
        raise TcmError("ask the daemon", url, cause, OTHER_PROGRAM)
    if api != API:
        cause = f"it is version {version} with API {api}, this command is version {__version__} with API {API}"
        raise TcmError("ask the daemon", url, cause, "use the tcm that came with the daemon, or restart the daemon")


def _entitled(config: Access | Config, content_type: str) -> tuple[dict[str, str], str]:
    """The headers of a POST, and why there is no token among them ("": there is)."""
    from monitor.config.operator_token import read_token
    from monitor.model.errors import ConfigError

    headers = {"Content-Type": content_type}
    try:
        return headers | {"Authorization": f"Bearer {read_token(config.web.token_in(config.state_dir))}"}, ""
    except ConfigError as error:  # without a daemon nobody asks for it
        return headers, str(error)


def refusal(url: str, error: urllib.error.HTTPError, no_token: str = "") -> TcmError:
    """What the daemon's refusal becomes here; `no_token` says why none was sent."""
    from monitor.model.errors import Conflict, TcmError, UnknownName

    if error.code == HTTPStatus.UNAUTHORIZED and no_token:
        return TcmError(no_token)
    kinds: dict[int, type[TcmError]] = {HTTPStatus.NOT_FOUND: UnknownName, HTTPStatus.CONFLICT: Conflict}
    kind = kinds.get(error.code, TcmError)
    return kind(_reason(error.read(MAX_REASON_BYTES)) or f"the daemon at {url} answers {error.code} {error.reason}")


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


def require_state(config: Access | Config) -> None:
    """TcmError when the state directory holds no journal yet."""
    from monitor.model.errors import TcmError

    if not (config.state_dir / "watch.db").exists():
        raise TcmError("read state", str(config.state_dir), "no daemon has run on it yet", "start one with: tcm run")


def require_container(config: Path, operation: str, container: str) -> None:
    """TcmError when a container is not registered and nothing ever came from it."""
    from contextlib import closing

    from monitor.journal import JournalReader
    from monitor.model.errors import TcmError

    rows = ask_daemon(access(config), f"/api/phases{query(container=container)}")
    if rows is None:
        loaded = load(config)
        with closing(JournalReader(loaded.state_dir)) as reader:
            rows = container in loaded.rules.containers or container in reader.containers()
    if not rows:
        raise TcmError(operation, container, "no such container", "tcm phase show lists all")
