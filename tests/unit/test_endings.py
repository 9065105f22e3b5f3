"""When certificates end that the configuration names, and from when on somebody is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import load_config, warnings_of
from monitor.config.certificates import UnusableFile, read_certificate, tls_context
from monitor.config.endings import SOON, Ending, end_conditions, endings, named_files, soon, unusable_files
from monitor.model.clock import datetime_ns
from tests.authority import Authority, ending_in

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TLS = """
state_dir = "var"
[mqtt]
url = "mqtts://127.0.0.1:8884"
ca_file = "{ca}"
cert_file = "{certificate}"
key_file = "{key}"
[[notifier]]
name = "board"
kind = "mqtt"
url = "mqtts://127.0.0.1:8884"
topic = "board"
ca_file = "{ca}"
"""


def settings(folder: Path, authority: Authority, files: tuple[Path, Path]) -> Path:
    """A monitor.toml that names them."""
    path = folder / "monitor.toml"
    path.write_text(TLS.format(ca=authority.ca_file, certificate=files[0], key=files[1]))
    return path


@given(st.lists(st.timedeltas(timedelta(days=-400), timedelta(days=400)), max_size=3))
def test_one_condition_names_whatever_ends_soon(times: list[timedelta]) -> None:
    """And nothing else; without such a certificate there is none."""
    found = [Ending(f"key{number}.", NOW + each) for number, each in enumerate(times)]
    told = end_conditions(found, datetime_ns(NOW))
    assert len(told) == any(each <= SOON for each in times)
    for ending in found:
        assert any(ending.key in one.text for one in told) == bool(soon(ending.ends, NOW))


def test_in_words() -> None:
    assert soon(NOW + timedelta(days=30, hours=1), NOW) == "ends on 2026-12-23, in 30 days"
    assert soon(NOW - timedelta(days=1), NOW) == "ended on 2026-11-22"
    assert soon(NOW + timedelta(days=61), NOW) == ""


def test_every_file_with_certificates_counts(tmp_path: Path, authority: Authority) -> None:
    """Of the broker and of notifiers, as they stand there."""
    config = load_config(settings(tmp_path, authority, authority.issue("gateway", ending_in(30))))
    assert [each.key for each in named_files(config)] == ["mqtt.ca_file", "mqtt.cert_file", "notifier.board.ca_file"]
    ends = {each.key: each.ends for each in endings(config)}
    assert timedelta(days=29) < ends["mqtt.cert_file"] - datetime.now(UTC) < timedelta(days=31)
    assert ends["mqtt.ca_file"] == ends["notifier.board.ca_file"] > ends["mqtt.cert_file"]
    warned = {problem.key: problem.message for problem in warnings_of(config) if "_file" in problem.key}
    assert list(warned) == ["mqtt.cert_file"]
    assert "make it anew, then restart the daemon" in warned["mqtt.cert_file"]


def test_a_file_that_is_no_certificate(tmp_path: Path, authority: Authority) -> None:
    """An error of `tcm check`, not a warning: a daemon does not start with it."""
    files = authority.issue("gateway")
    config = load_config(settings(tmp_path, authority, (files[1], files[1])))
    assert not [problem for problem in warnings_of(config) if "_file" in problem.key]
    ((key, error),) = unusable_files(config)
    assert (key, error.place) == ("mqtt.cert_file", str(files[1]))
    with pytest.raises(UnusableFile, match=str(files[1])):
        endings(config)


def test_the_name_in_a_certificate(authority: Authority) -> None:
    assert read_certificate(authority.issue("L-01")[0]).name == "L-01"


def test_files_that_cannot_be_used_are_named(tmp_path: Path, authority: Authority) -> None:
    """Each by itself: not PEM, not there, the other one of the two, a key of another certificate."""
    certificate, key = authority.issue("one")
    other, junk = authority.issue("other")[1], tmp_path / "junk.pem"
    junk.write_text("hello")
    ca = authority.ca_file
    for files, fault in {
        (junk, certificate, key): ("ca_file", junk, "expected a PEM file with certificates"),
        (ca, junk, key): ("cert_file", junk, "expected a PEM file with a certificate"),
        (ca, certificate, certificate): ("key_file", certificate, "expected a PEM file with a private key"),
        (ca, certificate, other): ("key_file", other, f"it is not the key of {certificate}"),
        (ca, certificate, tmp_path / "none"): ("key_file", tmp_path / "none", "No such file"),
    }.items():
        with pytest.raises(UnusableFile) as caught:
            tls_context(*files)
        assert (caught.value.key, caught.value.place) == (fault[0], str(fault[1]))
        assert fault[2] in caught.value.cause
    assert tls_context(ca, certificate, key).get_ca_certs()
