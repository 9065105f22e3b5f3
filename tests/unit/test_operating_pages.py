"""The pages for operators: links lead somewhere, commands are commands, messages are what the program says."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import load_config
from monitor.consumers import conflicts
from monitor.model import condition
from tests.commands import REPOSITORY
from tests.deployed import read_compose
from tests.documented import COMMANDS

DOCS = REPOSITORY / "docs"
OPERATING = ("backup", "certificates", "daily", "first-container", "gateway", "supervision", "trouble", "upgrade")
GAP = "\0"  # where a message has what differs

LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]+)?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted([*DOCS.glob("*.md"), REPOSITORY / "README.md"])


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_links_lead_to_files_and_headings_that_there_are(path: Path) -> None:
    """Those inside the repository."""
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        aim = (path.parent / target).resolve() if target else path
        assert aim.exists(), target
        assert not anchor or anchor in anchors(aim), f"{target}{anchor}: {sorted(anchors(aim))}"


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `tcm` command of a page: in blocks, and of those in a line the ones with words behind them."""
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    lines += re.findall(r"^ {4,}(.+)$", text, re.MULTILINE) + CODE.findall(text)
    for line in lines:
        found = re.match(r"(?:.* (?:--|exec tcm|--no-deps) )?(?:/opt/tcm(?:\.next)?/bin/)?tcm (?=[a-z])(.+)", line)
        if found and "..." not in line:
            yield shlex.split(found[1], comments=True)


@pytest.mark.parametrize("name", OPERATING)
def test_every_command_is_one(name: str) -> None:
    """With options that it has, and words where it wants words; in a sentence its name alone may stand."""
    found = list(commands(page(name)))
    assert found
    for words in found:
        known = next((key for key in (f"tcm {' '.join(words[:n])}" for n in (2, 1)) if key in COMMANDS), None)
        assert known, words
        rest = words[len(known.split()) - 1 :]
        if rest:
            COMMANDS[known].make_context(known, rest)


@pytest.mark.parametrize("name", OPERATING)
def test_no_command_names_a_time_that_has_passed(name: str) -> None:
    """Who types it today is refused: `date` says the time."""
    for words in commands(page(name)):
        times = [words[at + 1] for at, word in enumerate(words) if word in ("--at", "--until")]
        assert not any(re.match(r"\d{4}-", time) for time in times), words


@pytest.mark.parametrize("path", [REPOSITORY / "README.md", DOCS / "supervision.md"], ids=["README", "supervision"])
def test_an_installation_keeps_its_state_where_the_page_says(path: Path, tmp_path: Path) -> None:
    """The line that edits the example does, and stands before anything runs."""
    text = path.read_text(encoding="utf-8")
    (line,) = re.findall(r"^ +(sed -i .* /etc/tcm/monitor\.toml)$", text, re.MULTILINE)
    before, _, behind = text.partition(line)
    assert "cp -r config/. /etc/tcm" in before
    assert re.search(r"^ +(tcm run|.*systemctl enable --now tcm)$", behind, re.MULTILINE)
    config = Path(shutil.copytree(REPOSITORY / "config", tmp_path / "etc")) / "monitor.toml"
    subprocess.run(["sh", "-euc", line.replace("/etc/tcm/monitor.toml", str(config))], check=True, timeout=20)
    assert load_config(config).state_dir == Path("/var/lib/tcm")


@pytest.mark.parametrize("name", OPERATING)
def test_files_of_the_repository_are_there(name: str) -> None:
    """Whatever a page takes from deploy, dashboards, requirements or config."""
    for file in re.findall(r"(?<![\w/.-])((?:deploy|dashboards|requirements|config)/[\w./-]*\w)", page(name)):
        if file.startswith(("deploy/.env", "deploy/secrets", "deploy/certificates", "deploy/data")):
            continue  # deploy/make-secrets makes them
        assert (REPOSITORY / file).exists(), file


@pytest.mark.parametrize("name", OPERATING)
def test_services_of_compose_are_there(name: str) -> None:
    """Whatever `docker compose` is told to look at, to stop or to run something in."""
    services = read_compose()["services"]
    for verb, rest in re.findall(r"docker compose -f \S*deploy/compose\.yml (\w+)([^`\n;]*)", page(name)):
        words = re.sub(r" (-s|--tail|--since) \S+|-\S+", "", rest).split()
        if words or verb not in ("build", "ps", "up"):  # without a name these mean all of them
            assert words and words[0] in services, (verb, rest)


@pytest.mark.parametrize("name", OPERATING)
def test_options_of_scripts_are_known_to_them(name: str) -> None:
    """Those that a page calls `deploy/make-certificates` and its like with."""
    for script, rest in re.findall(r"(deploy/make-\w+)([^`\n]*)", page(name)):
        for option in re.findall(r" (--\w+)", rest):
            texts = [(REPOSITORY / each).read_text() for each in (script, "deploy/make-certificates")]
            assert any(f"    {option})" in text for text in texts), (script, option)


def literals() -> Iterator[str]:
    """Every text of the program, GAP for what it puts in."""
    for file in (REPOSITORY / "monitor").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%[sd]|\{\w+(?::\w+)?\}", GAP, node.value)


def messages() -> list[str]:
    """What the first column of the trouble tables quotes as said by the program: text with a space in it."""
    rows = re.findall(r"^\| (.+?) \| .* \|$", page("trouble"), re.MULTILINE)
    quoted = [text for row in rows for text in CODE.findall(row)]
    return [text for text in quoted if " " in text and not text.startswith("tcm ")]


def test_messages_of_the_trouble_tables_are_said_by_the_program() -> None:
    """Word for word, with `...` for what differs."""
    said = "\n".join(literals())
    assert len(messages()) > 30
    for message in messages():
        pattern = ".*".join(re.escape(part) for part in message.split("..."))
        assert re.search(pattern, said), message


def test_the_trouble_tables_name_every_condition_of_the_monitor_itself() -> None:
    """Each rule `monitor.*`, and none that there is not."""
    named = set(re.findall(r"`(monitor\.[a-z]+-[a-z]+)`", page("trouble")))
    rules = {value for value in vars(condition).values() if isinstance(value, str) and value.startswith("monitor.")}
    assert named == {rule for rule in rules if "-" in rule} | {conflicts.RULE}
