"""Sentences to be spoken for training."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexicon.pronunciation import pronounce
from streamer.recognition.sounds.training import texts

ZH = {"今天": 1000, "天气": 900, "客户": 800, "银行": 700, "利率": 500, "上海": 300, "略微": 100, "疟疾": 20}
EN = {"the": 1000, "bank": 900, "rate": 700, "customer": 500, "quick": 300, "jazz": 100, "vex": 50, "don't": 20}
SEEDS = st.integers(0, 2**32 - 1)


def units(language: str, word: str) -> tuple[int, ...]:
    return pronounce(word, language)[0]


def vocabulary(language: str) -> texts.Vocabulary:
    if language == "zh":
        return texts.zh_vocabulary(ZH, lambda word: units("zh", word))
    return texts.en_vocabulary(EN, lambda word: units("en", word))


@pytest.mark.parametrize("language", ["zh", "en"])
@given(seed=SEEDS)
def test_sentences_can_be_said_and_are_of_the_wanted_length(language: str, seed: int) -> None:
    known = vocabulary(language)
    for sentence in texts.sentences(known, 5, np.random.default_rng(seed)):
        assert pronounce(sentence, language)
        # The last word or number may be long.
        assert texts.SYLLABLES[0] <= known.syllables(sentence) <= texts.SYLLABLES[1] + 16


@given(seed=SEEDS)
def test_the_same_seed_gives_the_same_sentences(seed: int) -> None:
    one, two = (texts.sentences(vocabulary("zh"), 5, np.random.default_rng(seed)) for _ in range(2))
    assert one == two


@given(seed=SEEDS)
def test_chinese_is_labelled_as_it_is_written(seed: int) -> None:
    """One character is one syllable, and the first pronunciation is that of the characters, not of another number."""
    known = vocabulary("zh")
    for sentence in texts.sentences(known, 10, np.random.default_rng(seed)):
        said = texts.labelled(sentence, "zh")
        assert len(said) == known.syllables(sentence)
        for char, unit in zip("".join(filter(str.isalpha, sentence)), said, strict=True):
            if char in "二两一幺":
                assert unit == units("zh", char)[0]


def test_what_is_rare_is_said_all_the_same() -> None:
    """疟疾 is one word of 10,000: by its frequency alone it would hardly be said."""
    rare = texts.zh_vocabulary({**dict.fromkeys(ZH, 1e9), "疟疾": 1.0}, lambda word: units("zh", word))
    said = Counter(unit for text in texts.sentences(rare, 100, np.random.default_rng(1)) for unit in units("zh", text))
    assert said[units("zh", "疟")[0]] >= 5
