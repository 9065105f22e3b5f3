"""Lanes: calls that may take long run in threads, so many at a time for each purpose."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """At most `size` calls at once, others wait for their turn; those of another lane do not wait for these."""

    def __init__(self, size: int) -> None:
        self._limiter = CapacityLimiter(size)

    async def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What the function returns."""
        return await to_thread.run_sync(partial(function, *arguments, **named), limiter=self._limiter)
