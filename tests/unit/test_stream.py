"""The stream of events: many clients, one task that looks; nothing missed, nothing kept for who is slow."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from monitor.alerts.listing import Change
from monitor.model.errors import WireError
from monitor.web import Backend, stream

LIMIT_S = 10.0


class Changes:
    """As much of a daemon as the stream asks: numbered changes, and how often somebody looked."""

    def __init__(self, count: int = 0) -> None:
        self.count, self.looks, self.reads, self.is_ending = count, 0, 0, False

    def last_transition(self) -> int:
        self.looks += 1
        return self.count

    def changes(self, after: int) -> list[Change]:
        self.reads += 1
        numbers = range(after + 1, min(self.count, after + 50) + 1)
        return [Change(number, number, "firing", {"id": f"{number}"}) for number in numbers]


def request(last: str = "", query: str = "", method: str = "GET") -> Request:
    headers = [(b"last-event-id", last.encode())] if last else []
    scope = {"type": "http", "method": method, "path": "/", "query_string": query.encode(), "headers": headers}
    return Request(scope)


async def listen(page: stream.Stream, last: str = "", query: str = "") -> AsyncIterator[bytes]:
    """What a client hears, its first piece taken: from then on it misses nothing, also if it hears nothing more."""
    response = await page.listen(request(last, query))
    assert isinstance(response, StreamingResponse)
    pieces = cast(AsyncIterator[bytes], response.body_iterator)
    retry, number = (await anext(pieces)).decode().removesuffix("\n\n").split("\n")
    assert (retry, number.startswith("id: ")) == ("retry: 2000", True)
    return pieces


async def heard(pieces: AsyncIterator[bytes], count: int) -> list[int]:
    """The ids of the next events."""
    found: list[int] = []
    async with asyncio.timeout(LIMIT_S):
        while len(found) < count:
            found += ids(await anext(pieces))
    return found


def ids(piece: bytes) -> list[int]:
    """The ids of the events in a piece, whose data has to fit."""
    found = []
    for event in piece.decode().split("\n\n")[:-1]:
        if event.startswith(":"):
            continue
        number, kind, data = (line.partition(": ") for line in event.split("\n"))
        assert (number[0], kind[0], kind[2], data[0]) == ("id", "event", "alert", "data")
        assert json.loads(data[2])["alert"] == {"id": number[2]}
        found.append(int(number[2]))
    return found


@pytest.mark.parametrize(("last", "query", "first"), [("", "", 1_501), ("700", "", 701), ("", "after=0", 1)])
@pytest.mark.parametrize("kept", [10, 1_000])
def test_nothing_is_missed_nor_told_twice(
    monkeypatch: pytest.MonkeyPatch, last: str, query: str, first: int, kept: int
) -> None:
    """From where the client says, through the file and then as it happens, however many it lags behind."""
    monkeypatch.setattr(stream, "MAX_KEPT", kept)
    monkeypatch.setattr(stream, "LOOK_S", 0.001)

    async def run() -> list[int]:
        changes = Changes(1_500)
        pieces = await listen(stream.Stream(cast(Backend, changes)), last, query)
        before = await heard(pieces, 1_501 - first)
        changes.count = 1_700
        return before + await heard(pieces, 200)

    assert asyncio.run(run()) == list(range(first, 1_701))


def test_whoever_comes_back_misses_nothing_of_what_is_kept_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether what a client lacks is all in memory, or in part, or not at all."""
    monkeypatch.setattr(stream, "MAX_KEPT", 4)
    monkeypatch.setattr(stream, "LOOK_S", 0.001)

    async def run() -> None:
        changes = Changes(5)
        page = stream.Stream(cast(Backend, changes))
        first = await listen(page)
        changes.count = 15
        await heard(first, 10)
        for last in range(5, 15):
            assert await heard(await listen(page, f"{last}"), 15 - last) == list(range(last + 1, 16))

    asyncio.run(run())


def test_a_number_of_another_file_begins_anew() -> None:
    async def run() -> list[int]:
        return await heard(await listen(stream.Stream(cast(Backend, Changes(3))), "900"), 3)

    assert asyncio.run(run()) == [1, 2, 3]


def test_one_looks_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty clients cost one look at a time and one read of what is new; without clients nobody looks."""
    monkeypatch.setattr(stream, "LOOK_S", 0.01)

    async def run() -> None:
        changes = Changes(5)
        page = stream.Stream(cast(Backend, changes))
        clients = [await listen(page) for _ in range(stream.MAX_CLIENTS)]
        with pytest.raises(HTTPException, match="clients listen already"):
            await page.listen(request())
        changes.count, changes.looks = 25, 0
        for pieces in clients:
            assert await heard(pieces, 20) == list(range(6, 26))
        assert changes.reads == 1
        changes.looks, began_s = 0, time.monotonic()
        async with asyncio.timeout(LIMIT_S):
            while changes.looks < 20:
                await asyncio.sleep(0.01)
        assert changes.looks <= 2 * (time.monotonic() - began_s) / stream.LOOK_S
        changes.is_ending = True
        for pieces in clients:
            async with asyncio.timeout(LIMIT_S):
                assert [piece async for piece in pieces] == []
        looks = changes.looks
        await asyncio.sleep(0.1)
        assert changes.looks == looks

    asyncio.run(run())


@pytest.mark.parametrize(("last", "begin"), [("", 3), ("2", 2), ("900", 0)])
def test_it_says_at_once_where_it_begins(last: str, begin: int) -> None:
    """So that who hears nothing before the connection breaks does not come back without a number."""

    async def run() -> bytes:
        response = await stream.Stream(cast(Backend, Changes(3))).listen(request(last))
        assert isinstance(response, StreamingResponse)
        return cast(bytes, await anext(aiter(response.body_iterator)))

    assert asyncio.run(run()) == f"retry: 2000\nid: {begin}\n\n".encode()


def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BEAT_S", 0.01)

    async def run() -> bytes:
        return await anext(await listen(stream.Stream(cast(Backend, Changes()))))

    assert asyncio.run(run()) == b": \n\n"


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "٣"])
def test_an_id_that_is_none_is_refused(last: str) -> None:
    async def run() -> None:
        await stream.Stream(cast(Backend, Changes())).listen(request(query=f"after={last}"))

    with pytest.raises(WireError, match="Last-Event-ID"):
        asyncio.run(run())
