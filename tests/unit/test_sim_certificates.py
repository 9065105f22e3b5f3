"""The files by which simulated loggers connect: what is wrong with them is told before anything is connected."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firmware_sim.cli import app
from firmware_sim.publish.broker import parse_broker
from firmware_sim.publish.tls import tls_of
from tests.authority import Authority
from tests.commands import write_files

LOGGERS = ("L-21", "L-22")  # of the scenario `quiet`


@pytest.fixture
def folder(authority: Authority, tmp_path: Path) -> Path:
    """Certificates of two loggers, where deploy/make-certificates would leave them."""
    (tmp_path / "loggers").mkdir()
    shutil.copy(authority.ca_file, tmp_path)
    for name in LOGGERS:
        for file in authority.issue(name):
            shutil.copy(file, tmp_path / "loggers" / file.name)
    return tmp_path


def told(*arguments: str | Path, url: str = "mqtts://h") -> str:
    """Return what a run with these options says, which ends at once with status 2."""
    result = CliRunner().invoke(app, ["run", "quiet", "--broker", url, *map(str, arguments)])
    assert result.exit_code == 2, result.output
    return result.output


def test_each_logger_shows_its_own(folder: Path, authority: Authority) -> None:
    """The authority is the folder's, unless another is named; without a folder all loggers share one context."""
    found = tls_of(parse_broker("mqtts://h", certificates=folder), LOGGERS)
    assert {tls.certificate for tls in found.values() if tls} == {
        folder / "loggers" / f"{name}.pem" for name in LOGGERS
    }
    assert {tls.ca_file for tls in found.values() if tls} == {folder / "ca.pem"}
    assert len({id(tls.context) for tls in found.values() if tls}) == 2
    (folder / "ca.pem").unlink()
    named = tls_of(parse_broker("mqtts://h", ca_file=authority.ca_file, certificates=folder), LOGGERS)
    assert {tls.ca_file for tls in named.values() if tls} == {authority.ca_file}
    one, two = tls_of(parse_broker("mqtts://h"), LOGGERS).values()
    assert one is two is not None
    assert set(tls_of(parse_broker("mqtt://h"), LOGGERS).values()) == {None}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("loggers/L-21.pem", None, "L-21.pem: cannot be read (No such file or directory); expected what deploy/make-"),
        ("loggers/L-21.key", None, "L-21.key: cannot be read (No such file or directory); expected what deploy/make-"),
        ("ca.pem", None, "ca.pem: cannot be read (No such file or directory); expected the authority's certificate"),
        ("ca.pem", "no authority", "ca.pem: expected certificates in PEM"),
        ("loggers/L-21.pem", "no certificate", "L-21.pem: expected a certificate in PEM"),
        ("loggers/L-21.key", "no key", "L-21.key: expected a private key in PEM that has no passphrase"),
        ("loggers/L-21.key", "loggers/L-22.key", "it is not the key of"),
        ("loggers/L-21.pem", "loggers/L-22.pem", "it is the certificate of 'L-22', and the broker would take L-21 for"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder: Path, name: str, content: str | None, message: str) -> None:
    """With the option by which it came, and what to do; one line, as the other logger's are good."""
    if content is None:
        (folder / name).unlink()
    elif (folder / content).is_file():
        shutil.copy(folder / content, folder / name)
    else:
        write_files(folder, {name: content})
    (line,) = told("--certificates", folder).splitlines()
    assert line.startswith(f"--certificates: {folder / name}: ")
    assert message in line


def test_all_loggers_without_a_certificate_are_told_at_once(folder: Path) -> None:
    """A line each, and of many the rest as a number."""
    lines = told("--certificates", folder, "--loggers", "30").splitlines()
    assert all("/loggers/L-2" in line for line in lines[:10])
    assert lines[10:] == ["and 18 more"]


def test_the_authority_that_is_named_comes_by_its_own_option(tmp_path: Path) -> None:
    """Not by that of the folder."""
    assert told("--ca-file", tmp_path / "none.pem").startswith(f"--ca-file: {tmp_path / 'none.pem'}: cannot be read")


@pytest.mark.parametrize("option", ["--ca-file", "--certificates"])
def test_certificates_without_tls_are_refused(folder: Path, option: str) -> None:
    """Whoever names them means TLS, and would send all in the clear."""
    assert "--broker mqtt://h: expected mqtts:// with --ca-file or" in told(option, folder, url="mqtt://h")


def test_a_replay_shows_the_certificate_of_its_logger(folder: Path) -> None:
    """The same options, told in the same way."""
    recording = Path(__file__).parents[1] / "data" / "recordings" / "ssx70065"
    place = ("--container", "C-9", "--logger", "L-9", "--broker", "mqtts://h", "--certificates", str(folder))
    result = CliRunner().invoke(app, ["replay", str(recording), *place])
    assert (result.exit_code, "/loggers/L-9.pem: cannot be read" in result.output) == (2, True)
