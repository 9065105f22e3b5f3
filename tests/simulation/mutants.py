"""`make mutants`: whether the machinery notices. Each breaks one thing in a copy of the tree; its test must fail.

A text that is not there exactly once is an error: whoever changes that place changes the mutation with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("monitor", "firmware_sim", "tests", "config", "pyproject.toml")
LIMIT_S = 600.0  # of one mutation: all its seeds in vain
STORIES = ("-m", "tests.simulation", "--seeds", "300", "--stop")
CRASHES = ("-m", "tests.simulation.crash_points", "--every", "3", "--stop")
PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` in `file` becomes `new`; `command` are Python's arguments that must then fail."""

    name: str
    file: str
    old: str
    new: str
    command: tuple[str, ...] = STORIES


MUTATIONS = (
    Mutation(
        "the fsync of a commit is left out",
        "monitor/journal/schema.py",
        "{'NORMAL' if can_fall_back else 'FULL'}",
        "OFF",
        CRASHES,
    ),
    Mutation(
        "a message is acknowledged before the commit",
        "monitor/ingest/intake.py",
        """        commit = self._journal.append([arrival for _, judged in self._taken for arrival in judged])
        for delivery, _ in reversed(self._taken):  # the first one last: then all are due, and go in one packet
            delivery.acknowledge()
""",
        """        for delivery, _ in reversed(self._taken):
            delivery.acknowledge()
        commit = self._journal.append([arrival for _, judged in self._taken for arrival in judged])
""",
    ),
    Mutation(
        "what the disk had no room for is let go",
        "monitor/ingest/intake.py",
        "        commit = self._journal.append([arrival for _, judged in self._taken for arrival in judged])\n",
        """        try:
            commit = self._journal.append([arrival for _, judged in self._taken for arrival in judged])
        except Exception:
            self._taken.clear()
            raise
""",
    ),
    Mutation(
        "an acknowledgement counts on any connection",
        "monitor/ingest/receipts.py",
        """                receipt.is_due = True
                if generation != self.generation:
                    return
                due = []
                while self._waiting and self._waiting[0].is_due:
                    due.append(self._waiting.popleft().mid)
                if due:
                    self._send(due)
""",
        "                self._send([mid])\n",
    ),
    Mutation(
        "an acknowledgement settles one record too many",
        "monitor/journal/gaps.py",
        "            self._upto -= 1\n",
        "            self._upto -= 0\n",
    ),
    Mutation(
        "a record that comes again is taken for new",
        "monitor/journal/gaps.py",
        "        return seq >= self.next or self._gap_at(seq) is not None\n",
        "        return True\n",
    ),
    Mutation(
        "the file admits an identity twice",
        "monitor/journal/schema.py",
        "CREATE UNIQUE INDEX IF NOT EXISTS identity",
        "CREATE INDEX IF NOT EXISTS identity",
        (*STORIES, "--seeds", "1"),
    ),
    Mutation(
        "422 is taken for success",
        "monitor/sinks/influx_client.py",
        "            raise self._failure(operation, error) from error\n",
        """            if error.status == 422:
                return Answer(None, 204, {})
            raise self._failure(operation, error) from error
""",
    ),
    Mutation(
        "the store's cursor passes what is not confirmed",
        "monitor/consumers/store.py",
        "itertools.takewhile(lambda write: write.is_confirmed, flying)",
        "itertools.takewhile(lambda write: True, flying)",
    ),
    Mutation(
        "the copy passes an hour that it does not have",
        "monitor/consumers/touched.py",
        "DELETE FROM touched WHERE n <= ? AND",
        "DELETE FROM touched WHERE n <= ? + 1 AND",
    ),
    Mutation(
        "watch forgets what it has told",
        "monitor/consumers/watch.py",
        '            self._connection.execute("INSERT OR REPLACE INTO kept VALUES(1, ?, ?)", reached)\n',
        "",
    ),
    Mutation(
        "the snapshot is written before what it stands for",
        "monitor/consumers/watch.py",
        '        self._connection.execute("BEGIN IMMEDIATE")\n        if reached > self._kept:\n',
        "        if is_whole:\n            self._write_snapshot(reached.pos, self.judge.snapshot())\n"
        '        self._connection.execute("BEGIN IMMEDIATE")\n        if reached > self._kept:\n',
        CRASHES,
    ),
    Mutation(
        "an acknowledgement is passed over",
        "monitor/consumers/keeping.py",
        """        if record.type == "ack":
            book.acknowledge(record)
""",
        "        del record\n",
    ),
    Mutation(
        "an operator is told before it is durable",
        "monitor/ingest/desk.py",
        """            try:
                entry.append_to(journal, now_ns)
            except TcmError as error:
                entry.future.set_exception(error)
                raise
            entry.future.set_result(journal.pos)
""",
        """            entry.future.set_result(journal.pos + 1)
            entry.append_to(journal, now_ns)
""",
    ),
    Mutation(
        "chains stay as they were told",
        "monitor/alerts/settlement.py",
        "    made = {entry.id: entry for stream in streams.values() for entry in made_anew(stream)}\n",
        "    made = dict(known)\n",
    ),
    Mutation(
        "an alert that opens again has another id",
        "monitor/alerts/chains.py",
        "    return Link(last.chain, last.opened_ns, last.reopened + 1, left_behind(last))\n",
        "    return Link(key, last.opened_ns, last.reopened + 1, left_behind(last))\n",
    ),
    Mutation(
        "what was not written is written after all",
        "monitor/alerts/book.py",
        """            self._is_at_once = False
            self._shelf.clear()
""",
        """            self._is_at_once = False
            self._shelf._complete.clear()
""",
    ),
    Mutation(
        "an alert that was found one with another is forgotten",
        "monitor/alerts/book.py",
        '                    self._connection.execute("INSERT INTO joined VALUES(?, ?, ?, ?)", row)\n',
        "                    del row\n",
    ),
    Mutation(
        "what was hidden stays hidden",
        "monitor/consumers/keeping.py",
        "            book.arm(rules.is_armed, tick.received_ns)\n",
        "            del tick\n",
        (*PYTEST, "tests/unit/test_alert_life.py"),
    ),
    Mutation(
        "the snapshot is left out",
        "monitor/consumers/watch.py",
        "        if state:\n            self._write_snapshot(reached.pos, state)\n",
        "",
        (*PYTEST, "tests/unit/test_watch_saved.py"),
    ),
    Mutation(
        "retention drops what a consumer has not confirmed",
        "monitor/journal/retention.py",
        "        limit = min(limit, confirmed, confirmed if waiting is None else waiting - 1)\n",
        "        limit = limit if waiting is None else min(limit, waiting - 1)\n",
        (*PYTEST, "tests/unit/test_retention.py"),
    ),
)


def broken(mutation: Mutation) -> str:
    """The file as the mutation makes it; ValueError when the text is not there exactly once."""
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    times = text.count(mutation.old)
    if times != 1:
        raise ValueError(f"{mutation.name}: the text is {times} times in {mutation.file}, expected once")
    return text.replace(mutation.old, mutation.new)


def copied(folder: Path, mutation: Mutation) -> None:
    """Copy the tree, broken by the mutation; ValueError when that cannot be."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / mutation.file).write_text(broken(mutation), encoding="utf-8")


def complaint(mutation: Mutation) -> str:
    """What the mutation's test says first of what it found, "" when it found nothing."""
    with tempfile.TemporaryDirectory(prefix="tcm-mutant-") as name:
        folder = Path(name)
        copied(folder, mutation)
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        ended = subprocess.run(
            [sys.executable, *mutation.command],
            cwd=folder,
            env=environment,
            timeout=LIMIT_S,
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode != 1:
        return ""
    told = re.search(r"^.*(?:\bI\d |Error|Stopped).*$", ended.stdout + ended.stderr, re.MULTILINE)
    return told[0] if told else "it failed"


def main() -> int:
    """Exit status 0 when each mutation was noticed, else 1; words on the command line choose some by name."""
    chosen = [each for each in MUTATIONS if not sys.argv[1:] or any(word in each.name for word in sys.argv[1:])]
    missed = 0
    for mutation in chosen:
        began_s = time.monotonic()
        try:
            told = complaint(mutation)
        except ValueError as error:
            told = ""
            print(error)
        missed += not told
        verdict = f"noticed: {told[:100]}" if told else "NOT NOTICED"
        print(f"{time.monotonic() - began_s:5.0f} s  {mutation.name}: {verdict}", flush=True)
    print(f"{len(chosen)} mutations, {missed} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
