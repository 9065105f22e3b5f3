"""docs/wire-format.md against what both sides do: its examples are the golden messages, its figures are measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cbor2
import numpy as np
import pytest

from firmware_sim import codec
from monitor.journal.gaps import MAX_GAPS
from monitor.wire import cbor, encode_ack, fields, status, structure

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wire-format.md").read_text(encoding="utf-8")
GOLDEN = json.loads((ROOT / "tests" / "golden" / "wire.json").read_text(encoding="utf-8"))
EXAMPLE = re.compile(r"^`([a-z-]+)`, (\d+) bytes on `(\S+)`\n\n```hex\n(.*?)```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {name: (int(size), topic, listing) for name, size, topic, listing in EXAMPLE.findall(PAGE)}
STAMP = codec.Stamp(6_263_719_842_105_733, 1_795_413_900_000_000_000, 300_000_000_000)
CHANNELS = ("temperature.hardware", "temperature.air", "humidity.air", "pressure.inside")


def hex_of(listing: str) -> str:
    """The bytes of an example, without what stands beside them."""
    return "".join(line.partition("#")[0] for line in listing.splitlines()).replace(" ", "")


def test_the_page_has_each_golden_message_and_no_other_hex() -> None:
    """Byte for byte, with its size and its topic."""
    golden = {entry["name"]: (len(entry["hex"]) // 2, entry["topic"], entry["hex"]) for entry in GOLDEN}
    page = {name: (size, topic, hex_of(listing)) for name, (size, topic, listing) in EXAMPLES.items()}
    assert page == golden
    assert PAGE.count("```hex") == len(golden)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_stands_beside_the_bytes_is_what_they_say(name: str) -> None:
    """Each key with its value, where that is a number or text, and every number of an array."""
    listing = EXAMPLES[name][2]
    content = next(entry["content"] for entry in GOLDEN if entry["name"] == name)
    for key, value in content.items():
        shown = f'"{key}": {json.dumps(value)}' if isinstance(value, int | float | str) else f'"{key}":'
        assert shown in listing
    remarks = [line.partition("# ")[2] for line in listing.splitlines()]
    rows = content.get("a") or content.get("x") or []
    for row in rows:
        assert ", ".join("NaN" if value is None else f"{value:.7g}" for value in row) in remarks


def env_bytes(readings: int) -> int:
    env = codec.Env(CHANNELS, 60_000_000, np.ones((readings, 4), np.float32))
    return len(codec.encode_env(STAMP, 41, 38, 0, env))


def shock_bytes(samples: int) -> int:
    shock = codec.Shock(5000.0, 500, (0.01,) * 3, 16.0, np.ones((3, samples), np.int16), "a", 1.0)
    return len(codec.encode_shock(STAMP, 41, 38, 0, shock))


def thousands(number: int) -> str:
    """1 125, as the page writes it."""
    return f"{number:,}".replace(",", " ")


def test_the_pages_sizes_are_those_of_the_encoder() -> None:
    """Blocks, events, births and acknowledgements, and the memory that follows from them."""
    birth = next(len(entry["hex"]) // 2 for entry in GOLDEN if entry["name"] == "birth")
    longest_ack = len(encode_ack(2**53 - 1, 2**53 - 1, 2**63 - 1, [(2**53 - 1, 2**53 - 1)] * cbor.MAX_WANT))
    for row in (
        f"| {thousands(env_bytes(60))} | a block of 60 readings of 4 channels (960 of them values) |",
        f"| {thousands(shock_bytes(4096))} | an event of 3 x 4 096 samples (24 576 of them counts) |",
        f"| {thousands(shock_bytes(800))} | an event of 3 x 800 samples, 0.25 s at 3 200 Hz |",
        f"| {birth} | the birth above; each held range adds up to {len(cbor2.dumps([2**53 - 1] * 3))},",
        f"| {len(encode_ack(1, -1, STAMP.t0_ns))} to {thousands(longest_ack)} | an acknowledgement |",
    ):
        assert row in PAGE
    day_bytes, flash_bytes = 24 * env_bytes(60), 8 << 20
    assert f"{day_bytes / 1e3:.0f} kB a day, {flash_bytes // day_bytes} days in 8 MiB" in PAGE
    assert f"{1440 * env_bytes(60) / 1e6:.1f} MB a day, {flash_bytes // (60 * day_bytes)} days" in PAGE
    assert f"hold {flash_bytes // shock_bytes(4096)} events" in PAGE
    assert f"{288 * env_bytes(5) / 1e3:.0f} kB a day" in PAGE


def test_what_an_outage_costs_is_what_a_window_of_256_records_costs() -> None:
    """Once a minute, or once in ten, with 40 bytes of topic and header for each record."""
    window_bytes = 256 * (env_bytes(60) + 40)
    assert f"{window_bytes / 1e3:.0f} kB: with a wait of 60 s {1440 * window_bytes / 1e6:.0f} MB a day" in PAGE
    assert f"with 10 min {144 * window_bytes / 1e6:.0f} MB." in PAGE
    window_bytes = 256 * (shock_bytes(4096) + 40)
    assert f"{window_bytes / 1e6:.1f} MB: {1440 * window_bytes / 1e9:.1f} GB a day" in PAGE


def test_the_pages_limits_are_those_of_the_decoder() -> None:
    """Each number in the table of limits, and the one of gaps."""
    for row in (
        f"| {thousands(structure.MAX_PAYLOAD_BYTES)} | bytes of a payload |",
        f"| {thousands(cbor.MAX_READINGS)} and {cbor.MAX_CHANNELS} | readings and channels of a block |",
        f"| {thousands(cbor.MAX_SAMPLES)} | samples on each axis of an event |",
        f"| {thousands(structure.MAX_ITEMS)} | CBOR items of a payload, and bytes of any one text |",
        f"| {structure.MAX_DEPTH} | levels of maps, arrays and tags, the outermost map included |",
        f"| {fields.MAX_TEXT} | characters of a name, serial, model or version |",
        f"| {thousands(status.MAX_HELD)}, {status.MAX_BOOTS}, {status.MAX_ACCELEROMETERS} | entries of `held`,",
        f"at most {cbor.MAX_WANT} [from, to]",
        f"more than {thousands(MAX_GAPS)} gaps",
    ):
        assert row in PAGE
    assert structure.MAX_TEXT_BYTES == structure.MAX_ITEMS


def test_the_page_names_every_key() -> None:
    """What a decoder knows stands in a table: the keys of the golden messages, and the settings of an accelerometer."""
    for entry in GOLDEN:
        for key in entry["content"]:
            assert re.search(rf"^\|[^|]*`{key}`[^|]*\|", PAGE, re.MULTILINE), key
    for key in status.SHOCK_SETTINGS:
        assert f"`{key}`" in PAGE
