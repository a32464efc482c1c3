"""What is found wrong before a model is loaded."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from streamer.blame import Blame
from streamer.early_checks import check
from streamer.errors import SettingsError
from streamer.settings import load

FREE = {"media_port": 0, "console_port": 0}


def test_settings_that_hold_pass(tmp_path: Path) -> None:
    check(load(None, FREE), Blame(None, FREE))


def test_ports_and_rules_that_cannot_be_are_told_together(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = tmp_path / "huazha.toml"
        file.write_text(f'console_port = {port}\n[policy.rules.promise-nothing]\naction = "alert"\n')
        overrides = {"media_port": port, "host": None}
        with pytest.raises(SettingsError) as caught:
            check(load(file, overrides), Blame(file, overrides))
    rule, media, console, same = (caught.value, *caught.value.others)
    assert str(rule) == f"{file}:2: policy.rules.promise-nothing: is no rule of any lexicon here"
    assert (media.source, console.source, console.line) == ("command line", str(file), 1)
    assert str(media).startswith(f"command line: media_port: port {port} can't be had on 127.0.0.1: Address already in")
    assert "is the media port, too" in str(same)


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("none")
    chosen = load(None, {**FREE, "tls": {"certificate": tmp_path / "cert.pem", "key": tmp_path / "cert.pem"}})
    with pytest.raises(SettingsError, match="is no certificate"):
        check(chosen, Blame(None, {}))


def test_switches_and_origins_are_blamed_on_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "huazha.toml"
    file.write_text('origins = ["nonsense"]\n[rules]\nno-such-rule = "off"\n')
    with pytest.raises(SettingsError) as caught:
        check(load(file, FREE), Blame(file, FREE))
    switch, where = (caught.value, *caught.value.others)
    assert (switch.source, switch.line, switch.field) == (str(file), 3, "rules.no-such-rule")
    assert str(where) == f"{file}:1: origins: 'nonsense' is no origin, as in https://console.example.com"


@pytest.mark.parametrize("host", ["ü..example", "é" * 70])
def test_a_host_that_is_no_name_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match="that is no name of a machine"):
        check(load(None, {"host": host, "media_port": 18080, "console_port": 18081}), Blame(None, {}))
