"""Several recognisers as one: each language by its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Recognizer, Scoring, Window


class ByLanguage:
    """Gives each batch to its language's recogniser; batches are of one language.

    Args:
      default: for the languages that have none of their own.
      others: by language.
    """

    def __init__(self, default: Recognizer, others: Mapping[str, Recognizer]) -> None:
        self._default = default
        self._others = others
        self.concurrency = default.concurrency

    @property
    def name(self) -> str:
        """The models' names, each language's own behind its code."""
        return ", ".join([self._default.name, *(f"{code}: {one.name}" for code, one in sorted(self._others.items()))])

    def abilities(self, language: str) -> Abilities:
        return self.of(language).abilities(language)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        return self.of(windows[0].language).recognize(windows)

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        return self.of(questions[0].language).score(questions)

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        return self.of(windows[0].language).hear(windows)

    def of(self, language: str) -> Recognizer:
        """Give a language's recogniser."""
        return self._others.get(language, self._default)
