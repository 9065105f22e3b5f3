"""Errors as JSON: `{"error": text}` with the status that fits what was raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from monitor.config import ConfigProblems
from monitor.model.errors import Conflict, DiskFull, JournalError, TcmError, Unavailable, UnknownName

STATUS_OF: dict[type[TcmError], int] = {
    UnknownName: 404,
    Conflict: 409,
    Unavailable: 503,
    DiskFull: 503,
    JournalError: 503,
    TcmError: 422,
}


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer to what is not done."""
    return JSONResponse({"error": text}, status, headers)


async def of_program(_request: Request, error: Exception) -> JSONResponse:
    """The answer to an error of this program's own."""
    status = next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))
    if isinstance(error, ConfigProblems):
        problems = [asdict(problem) for problem in error.problems]
        return JSONResponse({"error": str(error), "problems": problems}, status)
    return refusal(status, str(error))


async def of_http(_request: Request, error: Exception) -> JSONResponse:
    """The answer to a path or method that there is not."""
    assert isinstance(error, HTTPException)
    return refusal(error.status_code, error.detail, error.headers)


async def of_fault(_request: Request, error: Exception) -> JSONResponse:
    """The answer to what nobody foresaw; the log has the whole of it."""
    return refusal(500, f"the daemon failed: {type(error).__name__} (its log says more)")


HANDLERS = {TcmError: of_program, HTTPException: of_http, Exception: of_fault}
