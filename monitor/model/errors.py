"""Errors that say what was tried, where, why it failed and what to do."""

from __future__ import annotations


class TcmError(Exception):
    """Base of all errors that a user may see.

    The text reads `operation: place: cause (hint)`; parts that are empty are left out.
    """

    def __init__(self, operation: str, place: str = "", cause: str = "", hint: str = "") -> None:
        self.operation, self.place, self.cause, self.hint = operation, place, cause, hint
        text = ": ".join(part for part in (operation, place, cause) if part)
        super().__init__(f"{text} ({hint})" if hint else text)


class ConfigError(TcmError):
    """A configuration that cannot be used: the program ends with exit status 2."""


class WireError(TcmError):
    """A message that cannot be used: its text is the reason under which it goes to quarantine.

    The journal keeps reasons as UTF-8, so what a message says with half a surrogate pair stands there as `\\ud800`.

    `identity` is (boot, seq) where the payload decodes as a whole and carries them: then that seq is settled.
    """

    identity: tuple[int, int] | None = None

    def __init__(self, reason: str) -> None:
        super().__init__(reason.encode("utf-8", "backslashreplace").decode())


class SnapshotError(TcmError):
    """Saved state that cannot be taken up, and can be made anew from the journal.

    State of a later version of this program is none such: whoever starts an earlier one on it has to say so.
    """


class JournalError(TcmError):
    """The journal cannot be opened, locked or written; a daemon that meets it stops."""


class UnknownName(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """There is nothing of the name or id that was asked for."""


class Conflict(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """What was asked for cannot be done any more, as somebody did it or it has ended; nothing was done."""


class Unavailable(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """The daemon is too busy, or ends: nothing is wrong with what was asked for, and it can be tried again."""


class NoAnswer(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """A daemon listens but says nothing: what it was asked to do may be done all the same, now or later."""


class DiskFull(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """Nothing could be written for want of room, and nothing was: the same can be tried again once there is some."""


class SinkError(TcmError):
    """The store did not take a write.

    `retryable` says whether sending the same bytes again can succeed without anybody changing anything;
    `hold` says that nothing may be dropped and an operator has to act (token, permission, database).
    """

    def __init__(self, operation: str, place: str, cause: str, *, retryable: bool, hint: str = "") -> None:
        self.retryable = retryable
        super().__init__(operation, place, cause, hint)
