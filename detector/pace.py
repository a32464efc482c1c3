"""How fast somebody speaks: characters or words for each minute of own speech. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from detector.types import Fastest, Stretch, Word
from lexicon.normalize import fold

STRETCH = 30.0
"""Seconds of own speech over which the fastest is looked for: the mean of a call hides a fast minute, and a single
sentence is fast by chance, or because its words are placed a tenth of a second wrong."""
LEAST = 10.0
"""Seconds of own speech without which no pace is told."""
WORDLESS = 2.0
"""Seconds of speech without a word that count at most: what goes on longer was not understood, or is music or noise."""
ROUNDING = 1e-6
REMEMBERED = 128
"""Spells of speech in which words may still be placed; they come well within a minute after they are spoken."""

_FOREIGN = re.compile(r"[ -~]+")
_DIGIT = re.compile(r"\d")


def units(text: str, language: str) -> int:
    """Count what is spoken in a word or a text: words in English, elsewhere characters.

    Numbers count as they are said: 20% is five characters (百分之二十), 2000 two words. A foreign word between Chinese
    characters counts as one, and fillers (嗯 呃 啊) as none.
    """
    if language == "en":
        return sum(_words(word) for word in text.split())
    return len(_FOREIGN.sub("x", fold(text, language).text))


def _words(word: str) -> int:
    # A contraction is one word as it is spoken, and folds to two.
    return len(fold(word, "en").text.split()) if _DIGIT.search(word) else any(map(str.isalnum, word))


@dataclass(slots=True)
class _Spell:
    """Speech without a pause; `before` counts the seconds of own speech before it."""

    start: float
    end: float
    before: float


@dataclass(frozen=True, slots=True)
class _Said:
    """A word; `began` is the clock when it did: one that began before a stretch is no part of it."""

    word: Word
    units: int
    began: float


class Pace:
    """One channel's pace.

    Its clock goes on only while its speaker speaks, by what tells speech from silence, and at most `WORDLESS` seconds
    from one word to the next.

    Attributes:
      fastest: the fastest stretch so far; None until there was a whole one.
    """

    def __init__(self, language: str) -> None:
        self.fastest: Fastest | None = None
        self._language = language
        self._spells: deque[_Spell] = deque(maxlen=REMEMBERED)
        self._spoken = 0.0
        self._clock = 0.0
        self._units = 0
        self._recent: deque[_Said] = deque()
        self._lately = 0

    @property
    def mean(self) -> float | None:
        """Of all that was said, a minute; None with too little of it."""
        return self._units * 60 / self._clock if self._clock >= LEAST else None

    def began(self, at: float) -> None:
        """Somebody begins to speak at a second of the call."""
        last = self._spells[-1] if self._spells else _Spell(at, at, 0.0)
        self._spells.append(_Spell(at, inf, last.before + min(last.end, at) - last.start))

    def ended(self, at: float) -> None:
        """Nobody speaks any more at a second of the call."""
        if self._spells:
            self._spells[-1].end = max(self._spells[-1].start, min(self._spells[-1].end, at))

    def heard(self, words: Iterable[Word]) -> None:
        """Take in words that follow all before; the speech that they are in has begun, as far as that is told."""
        for word in words:
            spoken, began = self._speech_until(word.end), self._clock
            self._clock += min(max(0.0, spoken - self._spoken), WORDLESS)
            self._spoken = max(self._spoken, spoken)
            said = _Said(word, units(word.text, self._language), began)
            self._recent.append(said)
            self._units += said.units
            self._lately += said.units
            while self._recent[0].began < self._clock - STRETCH - ROUNDING:
                self._lately -= self._recent.popleft().units
            pace = self._lately * 60 / STRETCH
            if self._clock >= STRETCH and (self.fastest is None or pace > self.fastest.pace):
                self.fastest = Fastest(pace, Stretch(self._recent[0].word.start, word.end))

    def finish(self) -> None:
        """The call is over: where a whole stretch was not spoken, all that was is the fastest."""
        mean = self.mean
        if self.fastest is None and mean is not None:
            self.fastest = Fastest(mean, Stretch(self._recent[0].word.start, self._recent[-1].word.end))

    def _speech_until(self, at: float) -> float:
        """Count the seconds of own speech before a second of the call."""
        for spell in reversed(self._spells):
            if spell.start <= at:
                return spell.before + min(at, spell.end) - spell.start
        return self._spells[0].before if self._spells else 0.0
