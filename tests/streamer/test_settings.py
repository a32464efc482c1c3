"""Settings: defaults, a file over them, the command line over both, and errors that name the field."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.policy import Measure, OnBlind, Policy
from detector.types import Action
from streamer.blame import lines
from streamer.errors import SettingsError
from streamer.settings import Settings, load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "huazha.toml"
    file.write_text('media_port = 9000\nlanguage = "en"\nlexicon = ["own.yaml"]\n[limits]\nmax_calls = 7\n')
    return file


def test_a_file_wins_over_defaults_and_the_command_line_over_both(config: Path) -> None:
    settings = load(config, {"media_port": 9001, "console_port": None})
    assert (settings.media_port, settings.console_port, settings.language) == (9001, 8080, "en")
    assert settings.limits.max_calls == 7


def test_paths_in_a_file_are_relative_to_it(config: Path) -> None:
    assert load(config, {}).lexicon == (config.parent / "own.yaml",)


def test_without_a_file_defaults_hold() -> None:
    assert load(None, {}) == Settings()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("media_port = 70000", "media_port"),
        ("[limits]\nmax_calls = 0", "limits.max_calls"),
        ("colour = 'red'", "colour"),
        ("language = 'Chinese!'", "language"),
        ("[policy]\naction = 'shout'", "policy.action"),
        ("[policy]\naction = 'play'", "policy"),
        ("[policy]\naction = 'whisper'\nto = '100'", "policy"),
        ("[policy]\naction = 'transfer'\nsound = 'a.wav'", "policy"),
        ("[policy]\nseconds = -1", "policy.seconds"),
        ("[policy]\non_blind = 'panic'", "policy.on_blind"),
        ("[policy.rules.promise]\naction = 'transfer'", "policy.rules.promise"),
        ("[policy.rules.promise]\non_blind = 'mute'", "policy.rules.promise.on_blind"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, field: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert (caught.value.source, caught.value.field) == (str(file), field)


@pytest.mark.parametrize("content", [b"media_port = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_told_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "wrong.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="is not TOML"):
        load(file, {})


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml", {})


def test_the_command_line_is_named_as_the_source(config: Path) -> None:
    with pytest.raises(SettingsError, match="command line: media_port"):
        load(config, {"media_port": -1})


def test_without_a_policy_a_block_mutes_until_it_is_lifted() -> None:
    assert Settings().policy.policy == Policy(Measure(Action.MUTE, None), {}, OnBlind.ALERT)


def test_a_policy_is_read_rule_by_rule(tmp_path: Path) -> None:
    file = tmp_path / "huazha.toml"
    file.write_text(
        '[policy]\nseconds = 5\non_blind = "mute"\n'
        '[policy.rules.promise]\naction = "whisper"\nsound = "stop.wav"\n'
        '[policy.rules.insider]\naction = "transfer"\nto = "8001"\n'
    )
    policy = load(file, {}).policy.policy
    assert policy.on_blind is OnBlind.MUTE
    assert policy.of("promise") == Measure(Action.WHISPER, None, sound="stop.wav")
    assert policy.of("insider") == Measure(Action.TRANSFER, None, to="8001")
    assert policy.of("another") == Measure(Action.MUTE, 5.0)


def test_all_that_is_wrong_is_told_at_once_each_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "huazha.toml"
    file.write_text(
        '# a comment\nmedia_prt = 1\nlanguage = "Chinese!"\n\n[limits]\nmax_calls = 0\n\n[policy.rules."a.b"]\n'
        'action = "shout"\n[[webhooks]]\nurl = "http://a.example/"\nsecret = "x"\n'
        '[[webhooks]]\nurl = "ftp://b.example/"\nsecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"\n'
    )
    with pytest.raises(SettingsError) as caught:
        load(file, {"console_port": 70000, "language": None})
    told = {error.field: error for error in (caught.value, *caught.value.others)}
    places = {field: (error.source, error.line) for field, error in told.items()}
    assert places == {
        "console_port": ("command line", None),
        "language": (str(file), 3),
        "limits.max_calls": (str(file), 6),
        "media_prt": (str(file), 2),
        "policy.rules.a.b.action": (str(file), 9),
        "webhooks.0.secret": (str(file), 12),
        "webhooks.1.url": (str(file), 14),
    }
    assert str(told["media_prt"]) == f"{file}:2: media_prt: is no setting; media_port is"
    assert len(caught.value.lines) == 7


def test_what_the_command_line_left_to_the_file_is_the_files(config: Path) -> None:
    config.write_text("media_port = 70000\n")
    with pytest.raises(SettingsError) as caught:
        load(config, {"media_port": None})
    assert (caught.value.source, caught.value.line) == (str(config), 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[limits]\nmax_cals = 7", "limits.max_cals: is no setting; max_calls is"),
        ("[evidence]\nfoo = 7", "evidence.foo: is no setting; known are after, before, days, keep, megabytes"),
        ("[platforms.twilio]\nacount_sid = 'x'", "platforms.twilio.acount_sid: is no setting; account_sid is"),
    ],
)
def test_a_name_that_is_not_known_is_told_with_one_that_is(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "huazha.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=told):
        load(file, {})


@given(st.text(max_size=200))
def test_lines_of_anything_are_lines_of_it(text: str) -> None:
    assert all(1 <= line <= len(text.splitlines()) for line in lines(text).values())
