"""Bodies of requests: of one type, bounded in length and in the time that they may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from monitor.wire.json_text import load_json

BODY_S = 60.0  # a recording of 64 MiB takes 5 s on a network of 100 Mbit/s
JSON = "application/json"


async def read_json(request: Request, limit_bytes: int) -> Any:
    """The JSON document that a request carries; HTTPException or WireError says what is wrong with it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise HTTPException(422, f"content-type: expected {JSON}")
    return load_json(await read_body(request, limit_bytes))


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body; HTTPException when it is longer than `limit_bytes`, or does not come."""
    content = bytearray()

    async def take(piece: bytes) -> None:
        content.extend(piece)

    await hand_on(request, limit_bytes, take)
    return bytes(content)


async def hand_on(request: Request, limit_bytes: int, take: Callable[[bytes], Awaitable[None]]) -> None:
    """Give the body to `take` piece by piece as it comes; HTTPException when it is longer, or does not come.

    Of one that says itself that it is longer nothing is read.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise _too_long(limit_bytes)
    count = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                count += len(piece)
                if count > limit_bytes:
                    raise _too_long(limit_bytes)
                await take(piece)
    except TimeoutError:
        raise HTTPException(408, f"expected the whole body within {BODY_S:g} s") from None
    except asyncio.CancelledError:  # the server does so once it has waited long enough
        raise HTTPException(503, "the daemon ends") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body broke off") from None


def _too_long(limit_bytes: int) -> HTTPException:
    return HTTPException(413, f"expected at most {limit_bytes} bytes")
