"""Payloads built to cost a decoder time or memory, each within 1 MiB or just beyond."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import cbor2

from monitor.wire.structure import MAX_ITEMS, MAX_PAYLOAD_BYTES, MAX_TEXT_BYTES
from tests.messages import GOOD, Content, env, f4, i2, i8, shock, status, without

MIB = MAX_PAYLOAD_BYTES
ROOM = MIB - 300  # for one value beside the other keys of a message


class Hostile(NamedTuple):
    """A payload, and the kind of message as which it arrives."""

    name: str
    kind: str
    payload: bytes


def head(major: int, value: int) -> bytes:
    """The first bytes of an item in their shortest form."""
    if value < 24:
        return bytes([major << 5 | value])
    width = next(width for width in (1, 2, 4, 8) if value < 1 << 8 * width)
    return bytes([major << 5 | 23 + width.bit_length()]) + value.to_bytes(width, "big")


def text(characters: str) -> bytes:
    """CBOR of a text."""
    return head(3, len(characters.encode())) + characters.encode()


def listed(unit: bytes, size: int) -> bytes:
    """A list of as many equal items as fit."""
    return head(4, (size - 9) // len(unit)) + unit * ((size - 9) // len(unit))


def mapped(pairs: list[bytes]) -> bytes:
    """A map of so many keys with their values."""
    return head(5, len(pairs)) + b"".join(pairs)


def put(content: Content, key: str, item: bytes) -> bytes:
    """A message with these bytes as the value of a key."""
    content = without(content, key)
    return mapped([*(cbor2.dumps(name) + cbor2.dumps(value) for name, value in content.items()), text(key) + item])


UNITS = {
    "empty maps": b"\xa0",
    "empty lists": b"\x80",
    "empty texts": b"\x60",
    "lists of one": b"\x81\x00",
    "lists three deep": b"\x81\x81\x80",
    "maps of a map": b"\xa1\x60\xa0",
    "maps three deep": b"\xa1\x60\xa1\x60\xa0",
    "tags": b"\xc6\x00",
    "tagged maps": b"\xd8\x63\xa0",
    "typed arrays": b"\xd8\x28\x82\x82\x01\x01\xd8\x55\x44\x00\x00\x80\x3f",
    "simple values": b"\xe0",
    "two-byte simple values": b"\xf8\xff",
    "float16": b"\xf9\x3c\x01",
    "float64": b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x01",
    "numbers": b"\x19\x40\x00",
    "large numbers": b"\x1b" + b"\x7f" * 8,
    "emoji": b"\x64\xf0\x9f\x98\x80",
    "bytes": b"\x41\x00",
}
LONG_TEXT = "\0" * (MAX_TEXT_BYTES - 4) + "\U0001f600"
WIDE = "\0" * 1000 + "\U0001f600"  # prints as 4 characters a byte, and for the last one each takes 4 bytes
TEXTS = {
    "bytes": head(2, ROOM) + bytes(ROOM),
    "plain text": text("a" * ROOM),
    "one wide character": text("\0" * (ROOM - 4) + "\U0001f600"),
    "unprintable": text("\U0010ffff" * (ROOM // 4)),
    "spaces": text("a " * (ROOM // 2)),
    "wrong at its end": head(3, ROOM) + b"a" * (ROOM - 1) + b"\xff",
    "wrong all through": head(3, ROOM) + b"\xff" * ROOM,
    "many wide": listed(text(WIDE), ROOM),
    "longest allowed": listed(text(LONG_TEXT), ROOM),
    "tagged": b"\xd8\x63" + text(LONG_TEXT),
}
PLACES = {
    "env": ("v", "ch", "x", "novel"),
    "shock": ("scale", "acc"),
    "status": ("state", "held", "accs"),
}


def hostile() -> Iterator[Hostile]:
    """All of them."""
    yield from units()
    yield from texts()
    yield from keys()
    yield from declared()
    yield from nested()
    yield from converted()
    yield from largest()


def units() -> Iterator[Hostile]:
    """As many small items as fit, as the message, under an unknown key, and in place of what a key should have."""
    for name, unit in UNITS.items():
        yield Hostile(f"short list of {name}", "env", listed(unit, MAX_ITEMS))
        yield Hostile(f"list of {name}", "env", put(GOOD["env"], "novel", listed(unit, ROOM)))
        for key in ("ch", "x", "novel"):
            yield Hostile(f"{name} as {key}", "env", put(GOOD["env"], key, listed(unit, MAX_ITEMS - 200)))
        yield Hostile(f"{name} as held", "status", put(GOOD["status"], "held", listed(unit, MAX_ITEMS - 200)))


def texts() -> Iterator[Hostile]:
    """Long text and bytes, which grow when they are unpacked and again when a reason shows them."""
    for name, item in TEXTS.items():
        for kind, places in PLACES.items():
            for key in places:
                yield Hostile(f"{name} as {key}", kind, put(GOOD[kind], key, item))


def keys() -> Iterator[Hostile]:
    """Maps with many, long, equal or strange keys."""
    half = MAX_ITEMS // 2
    maps = {
        "many keys": [text(f"{number:05}") + b"\0" for number in range(half - 1)],
        "many long keys": [text(f"{number:060}") + b"\0" for number in range(half - 1)],
        "too many keys": [text(f"{number:05}") + b"\xa0" for number in range(half + 1)],
        "bytes as keys": [head(2, 5) + b"%05d" % number + b"\0" for number in range(half - 1)],
        "numbers that collide": [head(0, number << 50) + b"\0" for number in range(1 << 13)],
        "a list as key": [listed(b"\x80", MAX_ITEMS - 200) + b"\0"],
        "a deep list as key": [b"\x81" * (MAX_ITEMS - 200) + b"\0"],
        "long key": [text(LONG_TEXT) + b"\0"],
        "longest key": [text("\0" * ROOM) + b"\0"],
        "key twice": [text("\0" * 16_000 + "\U0001f600") + b"\0"] * 2,
        "long key twice": [text(LONG_TEXT) + b"\0"] * 2,
        "half a MiB of key twice": [text("\0" * (ROOM // 2) + "\U0001f600") + b"\0"] * 2,
        "bytes as key twice": [head(2, ROOM // 2) + bytes(ROOM // 2) + b"\0"] * 2,
    }
    for name, pairs in maps.items():
        yield Hostile(name, "env", mapped(pairs))
        yield Hostile(f"{name}, under a key", "env", put(GOOD["env"], "novel", mapped(pairs)))


def declared() -> Iterator[Hostile]:
    """Lengths that are not there."""
    for name, major in {"bytes": 2, "text": 3, "list": 4, "map": 5}.items():
        for width, info in ((4, 26), (8, 27)):
            for length in (MIB, 1 << 24, (1 << 31) - 1, (1 << 8 * width - 1) - 1, (1 << 8 * width) - 1):
                first = bytes([major << 5 | info]) + length.to_bytes(width, "big")
                title = f"{name} of {length} in {width} bytes"
                yield Hostile(title, "env", first)
                yield Hostile(f"{title}, 1 MiB there", "env", first + bytes(MIB - 9))
                yield Hostile(f"{title}, under a key", "env", put(GOOD["env"], "novel", first + bytes(1000)))


def nested() -> Iterator[Hostile]:
    """Items in items without end."""
    for name, unit in {"lists": b"\x81", "maps": b"\xa1\x60", "tags": b"\xc9", "long tags": b"\xd8\x63"}.items():
        yield Hostile(f"deep {name}", "env", unit * (MIB // len(unit)))
        yield Hostile(f"deep {name} under a key", "env", put(GOOD["env"], "novel", unit * (ROOM // len(unit))))
    for name, unit in {"list": b"\x9f", "map": b"\xbf", "text": b"\x7f", "bytes": b"\x5f"}.items():
        yield Hostile(f"indefinite {name}", "env", unit * MIB)
        yield Hostile(f"indefinite {name} under a key", "env", put(GOOD["env"], "novel", unit * 9 + b"\xff" * 9))


def converted() -> Iterator[Hostile]:
    """What a generous decoder would make something of, and what is no CBOR at all."""
    items = {
        "bignum": b"\xc2" + head(2, ROOM) + b"\xff" * ROOM,
        "negative bignum": b"\xc3" + head(2, ROOM) + b"\xff" * ROOM,
        "decimal": b"\xc4\x82\x1a\x7f\xff\xff\xff\x01",
        "regular expression": b"\xd8\x23" + text("(a" * 8000 + ")" * 8000),
        "itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    }
    for name, item in items.items():
        yield Hostile(name, "env", put(GOOD["env"], "seq", item))
    yield Hostile("zeros", "env", bytes(MIB))
    yield Hostile("breaks", "env", b"\xff" * MIB)
    yield Hostile("noise", "env", Random(1).randbytes(MIB))
    yield Hostile("bytes behind the map", "env", cbor2.dumps(GOOD["env"]) + bytes(MIB - 400))
    yield Hostile("2 MiB", "env", bytes(2 * MIB))


def largest() -> Iterator[Hostile]:
    """Good messages that are as large as they may be."""
    held = [[2**52 + number, 0, 2**53 - 1] for number in range(1024)]
    contents = {
        "even readings": ("env", env(x=f4(100_000, 1))),
        "irregular readings": ("env", env(x=f4(80_000, 1), dt=i8(*range(80_000)))),
        "channels": ("env", env(ch=[f"c{number}" for number in range(64)], x=f4(4_000, 64))),
        "samples": ("shock", shock(a=i2(3, 170_000))),
        "held": ("status", status(held=held)),
    }
    for name, (kind, content) in contents.items():
        yield Hostile(name, kind, cbor2.dumps(content))
