"""The text of a recording in CSV, as it lies in the file or packed with gzip."""

from __future__ import annotations

import gzip
import io
import zlib

from monitor.model.errors import TcmError

MAX_UNPACKED_BYTES = 256 << 20  # an hour of 5 kHz as text is 600 MB: cut such a recording first


def text_of(name: str, content: bytes) -> str:
    """The file's text, unpacked where it is packed; TcmError for what is damaged, too large or no UTF-8."""
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(MAX_UNPACKED_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise TcmError("read recording", name, f"damaged gzip: {error}") from None
    if len(content) > MAX_UNPACKED_BYTES:
        raise TcmError("read recording", name, f"expected at most {MAX_UNPACKED_BYTES} bytes unpacked")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TcmError("read recording", name, f"expected UTF-8: {error}") from None
