"""The daemon's stream of changes as a command follows it: across restarts of the daemon, and nothing twice."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from monitor.cli.output import OTHER_PROGRAM, open_directly, refusal, require_api, say

if TYPE_CHECKING:
    from monitor.config import Access

PATH = "/api/stream"
SILENT_S = 40.0  # the daemon says something every 15 s: after two beats that did not come the connection is dead
AGAIN_S = 2.0  # between tries
MAX_LINE_BYTES = 1 << 20  # an alert takes 2 kB


def follow(config: Access) -> Iterator[dict[str, Any]]:
    """What each event of the stream says, for ever; TcmError when no daemon is there to begin with, or another answers.

    A connection that breaks is made again, and goes on where it broke off.
    """
    from monitor.model.errors import TcmError

    url, heard, is_open, was_open = f"http://{config.web.listen}{PATH}", "", False, False
    while True:
        try:
            for number, document in _events(url, heard):
                is_open = was_open = True
                heard = number or heard
                if document is not None:
                    yield document
        except urllib.error.HTTPError as error:
            require_api(url, error.headers)
            if not was_open:
                raise refusal(url, error) from None
        except (OSError, HTTPException) as error:
            if not was_open:
                hint = "start one with: tcm run; tcm alerts list reads the files"
                raise TcmError("watch alerts", url, f"no daemon is running: {error}", hint) from None
            if is_open:
                say(f"connection to {url} lost ({error}); it is tried again")
            is_open = False
        except ValueError as error:
            raise TcmError("watch alerts", url, f"its stream cannot be read: {error}", OTHER_PROGRAM) from None
        time.sleep(AGAIN_S)


def _events(url: str, heard: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """(id, content) of each event behind `heard`, then OSError: the stream has no end; ValueError for what is none.

    Without content: where the stream begins, or that it still stands.
    """
    request = urllib.request.Request(url, headers={"Last-Event-ID": heard} if heard else {})
    with open_directly(request, SILENT_S) as answer:
        require_api(url, answer.headers)
        number, data = "", ""
        while line := answer.readline(MAX_LINE_BYTES):
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                number = value
            elif name == "data":
                data += value
            elif not name and not value:
                yield number, json.loads(data) if data else None
                data = ""
    raise OSError("it ended")
