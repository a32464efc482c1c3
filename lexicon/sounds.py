"""How languages sound, as far as finding terms by their sound goes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lexicon import metaphone, phonetic

Codes = NDArray[np.int32]
Pattern = tuple[tuple[int, int], ...]
"""Which sounds of a stretch must be the same, and how much so: (offset, kind) each."""

FUZZY, COARSE, EXACT = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Sounds:
    """How a language sounds.

    Attributes:
      encode: folded text to the numbers of its sounds, and for each the span of folded text that it is part of.
      classes: by kind (fuzzy, coarse, exact), the class of each sound; the last is for what has none.
      distances: the cost of hearing one sound for another.
      patterns: by a term's length in sounds, the stretches of it that are filed; longer terms as the last.
      widest: by a term's length, the cost for each of its sounds at which it is still a candidate; likewise.
      once: by how much that is more where speech is looked at once. A live call's looks are twenty, each of which may
        read a term better, or something else as one.
      alone: sounds from which on a term is worth aligning when a single part of it is met.
      unit: sounds to a syllable, about: likelihoods are told by syllables.
    """

    encode: Callable[[str], tuple[Codes, Sequence[tuple[int, int]]]]
    classes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    distances: NDArray[np.float32]
    patterns: Mapping[int, tuple[Pattern, ...]]
    widest: Mapping[int, float]
    once: float
    alone: int
    unit: float

    def patterns_for(self, length: int) -> tuple[Pattern, ...]:
        return self.patterns.get(min(length, max(self.patterns)), ())

    def widest_for(self, length: int) -> float:
        return self.widest.get(min(length, max(self.widest)), 0.0)


@lru_cache(maxsize=8)
def sounds_of(language: str) -> Sounds | None:
    """Give a language's sounds; None for one that is matched by its letters only."""
    if language == "zh":
        return _mandarin()
    return _english() if language == "en" else None


def _mandarin() -> Sounds:
    fuzzy, coarse = phonetic.fuzzy_classes(), phonetic.coarse_classes()
    exact = np.array([*range(1, len(fuzzy)), 0], dtype=np.int64)
    return Sounds(
        encode=lambda text: (phonetic.codes(text), [(at, at + 1) for at in range(len(text))]),
        classes=(fuzzy, coarse, exact),
        distances=phonetic.distances(),
        patterns={
            # Two syllables must sound exactly so; of three, two must, and the third be alike; a longer term keeps three
            # of any four, or four that are alike.
            2: (((0, EXACT), (1, EXACT)),),
            3: tuple(tuple((at, COARSE if at == other else FUZZY) for at in range(3)) for other in range(3)),
            4: (
                *(tuple((at, FUZZY) for at in offsets) for offsets in ((0, 1, 2), (0, 1, 3), (0, 2, 3))),
                tuple((at, COARSE) for at in range(4)),
            ),
        },
        # A short term is met by chance much sooner.
        widest={2: 0.0, 3: 0.1, 4: 0.23, 5: 0.25},
        once=1.3,
        # A sound is a whole syllable: with one too many or too few there are others on both sides of it.
        alone=100,
        unit=1.0,
    )


def _english() -> Sounds:
    merged = metaphone.classes()
    exact = np.array([*range(1, len(merged)), 0], dtype=np.int64)
    return Sounds(
        encode=metaphone.encode,
        classes=(merged, merged, exact),
        distances=metaphone.distances(),
        patterns={
            7: tuple(
                tuple((at, EXACT) for at in offsets) for offsets in ((0, 1, 2, 3, 4), (0, 1, 2, 4, 5), (0, 1, 3, 4, 5))
            )
        },
        widest={7: 0.16, 8: 0.2, 9: 0.22},
        once=1.0,
        alone=7,
        unit=2.0,
    )
