"""The bundled calls with the real model on a virtual clock: what is blocked in them, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.accuracy import listen, replay, weigh
from benchmarks.calls import LabelledCall
from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from streamer.recognition.whisper import WhisperRecognizer
from tests.faults import DATA

# In each call something comes first that only looks like a violation.
BLOCKED = {"zh": ["insider", "sure-profit"], "en": ["no-risk-en", "like-a-deposit-en"]}


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_violations_are_blocked_and_the_look_alike_is_not(whisper: WhisperRecognizer, language: str) -> None:
    call = LabelledCall(DATA / f"demo-{language}.wav", language, 0.0, (), {})
    table = compile_lexicon(load(shipped()), language)
    heard = listen(whisper, call)
    blocked = replay(heard, table, weigh(whisper, heard))
    assert [violation.rule_id for violation in sorted(blocked, key=lambda one: one.start)] == BLOCKED[language]


@pytest.mark.xdist_group("model")
def test_text_alone_finds_less(whisper: WhisperRecognizer) -> None:
    call = LabelledCall(DATA / "demo-zh.wav", "zh", 0.0, (), {})
    table = replace(compile_lexicon(load(shipped()), "zh"), sounds=None)
    heard = listen(whisper, call)
    assert {violation.rule_id for violation in replay(heard, table, weigh(whisper, heard))} <= {"insider"}
