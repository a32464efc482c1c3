"""The bundled calls with the real model on a virtual clock: what is blocked in them, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.calls import LabelledCall
from benchmarks.levels import LEVELS, Heard, Look, levels, listen, replay, weigh
from detector.types import Score, ScoreRequest, SoundLook
from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from streamer.recognition.sounds.search import search_of
from streamer.recognition.whisper import WhisperRecognizer
from tests.faults import DATA

# In each call something comes first that only looks like a violation.
BLOCKED = {"zh": ["insider", "sure-profit"], "en": ["no-risk-en", "like-a-deposit-en"]}


@pytest.fixture(scope="module")
def plain(whisper: WhisperRecognizer) -> dict[str, Heard]:
    """The calls by their text alone."""
    return {language: listen(whisper, call_in(language)) for language in BLOCKED}


def call_in(language: str) -> LabelledCall:
    return LabelledCall(DATA / f"demo-{language}.wav", language, 0.0, (), {})


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_violations_are_blocked_and_the_look_alike_is_not(
    whisper: WhisperRecognizer, plain: dict[str, Heard], language: str
) -> None:
    table, heard = compile_lexicon(load(shipped()), language), plain[language]
    blocked = replay(heard, table, weigh(whisper, heard))
    assert [violation.rule_id for violation in sorted(blocked, key=lambda one: one.start)] == BLOCKED[language]


@pytest.mark.xdist_group("model")
def test_text_alone_finds_less(whisper: WhisperRecognizer, plain: dict[str, Heard]) -> None:
    table = replace(compile_lexicon(load(shipped()), "zh"), sounds=None)
    blocked = replay(plain["zh"], table, weigh(whisper, plain["zh"]))
    assert {violation.rule_id for violation in blocked} <= {"insider"}


@pytest.mark.xdist_group("model")
def test_what_is_heard_by_its_sound_is_blocked_at_a_level_of_its_own(
    whisper: WhisperRecognizer, plain: dict[str, Heard]
) -> None:
    table = compile_lexicon(load(shipped()), "zh")
    sounded = listen(whisper, call_in("zh"), search_of(table, whisper.abilities("zh").sounds))
    by_text = plain["zh"], weigh(whisper, plain["zh"])
    blocked = levels(table, *by_text, (sounded, weigh(whisper, sounded)))
    assert list(blocked) == list(LEVELS)
    in_order = sorted(blocked["+ sounds"], key=lambda one: one.start)
    assert [one.rule_id for one in in_order] == BLOCKED["zh"]
    # By its sound alone, whatever its text would say: the looks at text are left out.
    by_ear = replay(
        replace(sounded, looks=[look for look in sounded.looks if isinstance(look, SoundLook)]), table, dumb
    )
    assert set(BLOCKED["zh"]) <= {one.rule_id for one in by_ear}
    assert list(levels(table, *by_text, None)) == list(LEVELS[:-1])


def dumb(request: ScoreRequest, _: Look) -> Score:
    raise AssertionError(f"nothing is weighed of {request.term}")
