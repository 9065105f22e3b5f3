"""The door holds: whatever bytes come, on whatever topic, each ends as a message or in quarantine with a reason."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import JournalReader
from monitor.model.errors import WireError
from monitor.model.record import Env, Message, Shock, Status
from monitor.wire import decode, parse_topic
from tests.intakes import Bench, delivery
from tests.messages import GOOD, MESSAGES, pack

MUTATED, RANDOM = 200_000, 50_000
THROUGH_THE_INTAKE = 4_000
SEED = 20_261_123
MAX_RANDOM_BYTES = 200
MAX_REASON = 500  # what a row of quarantine keeps
KINDS = ("env", "shock", "status")
VALUES: list[Any] = [None, True, -1, 0, 2**53, 2**63, 1.5, float("nan"), "x", b"x", [], {}, [[1, 2]], [1.0] * 3]
ITEMS = [cbor2.dumps(value) for value in VALUES]


class Sent(NamedTuple):
    """Bytes on a topic."""

    topic: str
    payload: bytes


def mutated(count: int, seed: int = SEED) -> Iterator[Sent]:
    """Golden messages of which one to four places or, of every third, values are changed; one topic in ten too."""
    rng = random.Random(seed)
    golden = [Sent(entry["topic"], bytes.fromhex(entry["hex"])) for entry in MESSAGES]
    for _ in range(count):
        sent = rng.choice(golden)
        payload = bytearray(sent.payload)
        if rng.random() < 1 / 3:
            content = cbor2.loads(sent.payload)
            for key in rng.sample(sorted(content), rng.randint(1, 2)):
                content[key] = rng.choice(VALUES)
            payload = bytearray(cbor2.dumps(content))
        else:
            for _ in range(rng.randint(1, 4)):
                change(rng, payload, rng.choice(golden).payload)
        topic = sent.topic
        if rng.random() < 0.1:
            at = rng.randrange(len(topic))
            topic = topic[:at] + rng.choice(["/", "", "#", "é", "\n", "env", "fill/", "down"]) + topic[at + 1 :]
        yield Sent(topic, bytes(payload))


def change(rng: random.Random, payload: bytearray, other: bytes) -> None:
    """One change in place: a byte, a bit, a cut, a piece taken out, doubled, or from another message, another item."""
    at = rng.randrange(len(payload) + 1)
    upto = at + rng.randint(0, 12)
    match rng.randrange(7):
        case 0:
            payload[at : at + 1] = rng.randbytes(1)
        case 1:
            payload[at : at + 1] = bytes(byte ^ 1 << rng.randrange(8) for byte in payload[at : at + 1])
        case 2 if rng.random() < 0.3:
            del payload[at:]
        case 3:
            del payload[at:upto]
        case 4:
            payload[at:at] = payload[at:upto]
        case 5:
            start = rng.randrange(len(other))
            payload[at:upto] = other[start : start + rng.randint(1, 40)]
        case _:
            payload[at : at + rng.choice([0, 1, 1, 9])] = rng.choice(ITEMS)


def noise(count: int, seed: int = SEED) -> Iterator[Sent]:
    """Random bytes, half of them behind the first byte of a map, on the topics of all kinds."""
    rng = random.Random(seed)
    for number in range(count):
        start = bytes([0xA0 | rng.randrange(24)]) if rng.random() < 0.5 else b""
        yield Sent(f"tcm/v1/C/L/up/{KINDS[number % 3]}", start + rng.randbytes(rng.randrange(MAX_RANDOM_BYTES)))


def at_the_door(sent: Sent) -> Message | str:
    """What the intake makes of it first: the message, or the reason."""
    try:
        return decode(parse_topic(sent.topic).kind, sent.payload)
    except WireError as error:
        return str(error)


def test_mutated_and_random_payloads_are_messages_or_have_a_reason() -> None:
    """Nothing but WireError leaves the door, whose reason is never empty; and enough of both kinds of end are seen."""
    ends = {"message": 0, "topic": 0, "CBOR": 0, "key": 0}
    for sent in (*mutated(MUTATED), *noise(RANDOM)):
        try:
            end = at_the_door(sent)
        except Exception as error:
            raise AssertionError(f"{sent.topic!r} {sent.payload.hex()}") from error
        if isinstance(end, str):
            assert 0 < len(end) <= MAX_REASON, sent
            ends["topic" if end.startswith("topic: ") else "CBOR" if end.startswith("CBOR: ") else "key"] += 1
        else:
            assert isinstance(end, Env | Shock | Status), sent
            ends["message"] += 1
    assert min(ends.values()) > 10_000, ends


def test_what_the_door_refuses_lies_in_quarantine_byte_for_byte(tmp_path: Path) -> None:
    """The same through intake and journal: each is a record, a repeat or a row with its own bytes and reason."""
    sent = [*mutated(THROUGH_THE_INTAKE * 4 // 5), *noise(THROUGH_THE_INTAKE // 5)]
    bench, freed = Bench(tmp_path), list[int]()
    for place, each in enumerate(sent):
        arrival = delivery("env", each.payload, topic=each.topic, acknowledge=partial(freed.append, place))
        bench.inbox.put(arrival, is_fill=False)
        while len(bench.inbox) >= 500:
            bench.intake.step()
    while bench.intake.step():
        pass
    assert sorted(freed) == list(range(len(sent)))  # senders take turns: the session puts PUBACK in order
    rows = bench.rows("SELECT topic, payload, reason FROM quarantine ORDER BY pos")
    refused = [each for each in sent if isinstance(at_the_door(each), str)]
    reasons = {(each.topic, each.payload): str(at_the_door(each)) for each in refused}
    own = [row for row in rows if (row[0], row[1]) in reasons]
    kept = sorted((topic, payload) for topic, payload, _ in own)
    assert kept == sorted((each.topic, each.payload) for each in refused)
    assert all(reason == reasons[topic, payload] for topic, payload, reason in own)
    taken = bench.rows("SELECT topic, payload FROM records WHERE kind != 'tick'") + [row[:2] for row in rows]
    assert {(each.topic, each.payload) for each in sent} == set(taken)
    reader = JournalReader(tmp_path)
    assert reader.quarantined() == len(rows) == bench.intake.quarantined
    reader.close()


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=24)
)
TAGGED = st.builds(cbor2.CBORTag, st.sampled_from([40, 77, 79, 85, 86, 99]), LEAVES | st.lists(LEAVES, max_size=3))
STRANGE = (
    LEAVES | TAGGED | st.lists(LEAVES | TAGGED, max_size=4) | st.dictionaries(st.text(max_size=4), LEAVES, max_size=3)
)
OPTIONAL = {"sync_age_s", "overrun", "acc", "until", "next", "held", "boots", "armed", "accs", "interval_us", "mem_pct"}


@settings(max_examples=200)
@given(st.data(), st.sampled_from(KINDS))
def test_good_messages_with_strange_values_are_decoded_or_refused(data: st.DataObject, kind: str) -> None:
    """Well-formed CBOR with any value under a known key never does more than raise WireError that names a key."""
    keys = sorted({*GOOD[kind], *OPTIONAL})
    changes = data.draw(st.dictionaries(st.sampled_from(keys), STRANGE, min_size=1, max_size=2))
    try:
        decode(kind, pack(GOOD[kind] | changes))
    except WireError as error:
        assert str(error).startswith((*keys, "CBOR:"))  # the values may hold numbers beyond 64 bits, which are tags
