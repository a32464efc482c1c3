"""Each language by its own recogniser."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detector.types import Word
from streamer.recognition.by_language import ByLanguage
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window


class Named:
    """Hears its own name."""

    concurrency = 3

    def __init__(self, name: str, *, scores: bool = False) -> None:
        self.name = name
        self._abilities = Abilities(max_batch=5, scores=scores)

    def abilities(self, language: str) -> Abilities:
        return self._abilities

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        return [Hypothesis((Word(self.name, 0.0, 1.0),)) for _ in windows]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        return [(float(len(self.name)),) for _ in questions]

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        return [Heard(np.zeros((1, len(self.name)), np.float32), 0.0, 0.02) for _ in windows]


def test_a_language_goes_to_its_own_and_others_to_the_default() -> None:
    recognizer = ByLanguage(Named("base"), {"en": Named("tiny.en")})
    silence = np.zeros(16, dtype=np.float32)
    for language, name in (("zh", "base"), ("en", "tiny.en"), ("fr", "base")):
        (heard,) = recognizer.recognize([Window("c", "agent", 0, silence, 0.0, language)])
        assert heard.words[0].text == name
        (sounds,) = recognizer.hear([Window("c", "agent", 0, silence, 0.0, language)])
        assert sounds.posteriors.shape == (1, len(name))
        assert recognizer.score([Scoring("c", "agent", "v-1", silence, language, ("a",), (), 0.0)]) == [(len(name),)]


def test_it_is_named_after_all_and_works_as_the_default_does() -> None:
    recognizer = ByLanguage(Named("base"), {"en": Named("tiny.en")})
    assert recognizer.name == "base, en: tiny.en"
    assert recognizer.concurrency == 3


def test_it_can_do_in_each_language_what_that_ones_recogniser_can() -> None:
    recognizer = ByLanguage(Named("base"), {"en": Named("tiny.en", scores=True)})
    assert recognizer.abilities("zh") == Abilities(max_batch=5)
    assert recognizer.abilities("en") == Abilities(max_batch=5, scores=True)
