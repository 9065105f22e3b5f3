"""A journal, what arrives there, and what stands in its tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from monitor.journal import Journal, Refused, Usable
from monitor.wire import decode
from tests.messages import Content, env, pack, shock, status

Row = tuple[Any, ...]
Gap = tuple[int, int, int, str]


def arrival(
    kind: str, content: Content, received_ns: int = 1000, logger: str = "L", *, is_prompt: bool = False,
    is_retained: bool = False, is_fill: bool = False,
) -> Usable:  # fmt: skip
    """A message of container C as the intake hands it to the journal."""
    payload = pack(content)
    topic = f"tcm/v1/C/{logger}/up/{'fill/' if is_fill else ''}{kind}"
    return Usable(received_ns, topic, payload, is_retained, is_prompt, "C", logger, kind, decode(kind, payload))


def refused(content: Content, seq: int | None = None, boot: int = 1, reason: str = "v: too new") -> Refused:
    """A message that cannot be used; with `seq` it settles that one."""
    settles = None if seq is None else ("C", "L", boot, seq)
    return Refused(1000, "tcm/v1/C/L/up/env", pack(content), reason=reason, settles=settles)


def seqs(*numbers: int, boot: int = 1, oldest: int = 0) -> list[Usable | Refused]:
    """Blocks with these seqs; of `oldest` none is older than itself."""
    return [arrival("env", env(seq, boot, oldest=min(oldest, seq))) for seq in numbers]


def rows(folder: Path, statement: str) -> list[Row]:
    """What any other program sees in the file."""
    connection = sqlite3.connect(f"{(folder / 'journal.db').as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def gaps(folder: Path) -> list[Gap]:
    return rows(folder, 'SELECT boot, "from", "to", state FROM gaps ORDER BY logger, boot, "from"')


CHAINED = {
    "records": "pos, received_ns, container, logger, boot, seq, kind, topic, payload",
    "quarantine": "pos, received_ns, topic, payload, reason",
}


def fill(folder: Path) -> None:
    """A journal with every kind of record and three rows of quarantine, written by two daemons in turn."""
    for boot in (1, 2):
        journal = Journal(folder)
        journal.append_own("config", 5, b'{"r":"\xc3\xbc"}')
        journal.append(
            [arrival("env", env(0, boot)), arrival("shock", shock(1, boot)), arrival("status", status(boot))]
        )
        journal.append([refused(env(7, boot), reason="ch: überall"), refused(env(8), 8), *seqs(2, 2, boot=boot)])
        journal.append_own("tick", 6, b"")
        journal.append([])
        journal.close()


MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just("good"), st.integers(1, 2), st.integers(0, 8), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("bad"), st.integers(1, 2), st.integers(0, 8), st.just(0), st.booleans()),
        st.tuples(st.just("birth"), st.integers(1, 2), st.integers(0, 9), st.integers(0, 9), st.booleans()),
    ),
    max_size=30,
)


def message(what: str, boot: int, seq: int, other: int, flag: bool) -> Usable | Refused:
    """A message of a generated scene."""
    if what == "good":
        content = env(seq, boot, oldest=min(other, seq), values=[[float(flag)]], clk=other % 3)
        return arrival("env", content, 1000 * other, is_prompt=seq == other)
    if what == "bad":
        return refused(env(seq, boot, v=2), seq if flag else None, boot)
    held = [[boot, min(seq, other), max(seq, other)]] if flag else []
    return arrival("status", status(boot, next=seq, held=held))


def contents(folder: Path) -> list[list[Row]]:
    return [rows(folder, f"SELECT * FROM {table}") for table in ("records", "quarantine", "boots", "gaps", "waiting")]
