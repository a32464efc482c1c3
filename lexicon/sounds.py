"""An index of terms by their sound: which could stand where, in time that hardly depends on their number. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lexicon import metaphone, phonetic

FILTER_BITS = 22
"""Slots of the filter in front of the index, as a power of two: 4 MB, so that most keys are refused by one look."""
SPAN, MARGIN = 1 << 20, 1 << 8
"""How a term's number and a place are put into one: more places than texts have, and some before their beginning."""
CODE_BITS = 9
"""Bits that number a sound; seven of them fit a key."""

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
      alone: sounds from which on a term is worth aligning when a single part of it is met.
      unit: sounds to a syllable, about: likelihoods are told by syllables.
    """

    encode: Callable[[str], tuple[Codes, Sequence[tuple[int, int]]]]
    classes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    distances: NDArray[np.float32]
    patterns: Mapping[int, tuple[Pattern, ...]]
    widest: Mapping[int, float]
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
        alone=7,
        unit=2.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """Places where terms may stand, as columns.

    Attributes:
      terms: the term's number in the index.
      starts: index of the sound at which it would begin, were none missing; may lie outside.
      meets: how many of its parts are met there.
    """

    terms: NDArray[np.int64]
    starts: NDArray[np.int64]
    meets: NDArray[np.int64]


class SoundIndex:
    """Terms by the sounds of their parts.

    Each term is filed under keys of some of its sounds, merged with what they are mistaken for. A text is asked for
    with the keys of all its stretches at once: a filter refuses nearly all of them, and what is left is looked up in a
    sorted table.

    Args:
      terms: folded text of each.

    Attributes:
      codes, lengths, widest: of each term, its sounds, their number, and the cost for each at which it is a candidate.
    """

    def __init__(self, sounds: Sounds, terms: Sequence[str]) -> None:
        self.sounds = sounds
        self.codes = tuple(sounds.encode(term)[0] for term in terms)
        self._patterns = tuple(dict.fromkeys(pattern for group in sounds.patterns.values() for pattern in group))
        self._lay_out()
        keys, owners, offsets = [], [], []
        for number, term in enumerate(self.codes):
            for found in self._keys(term, sounds.patterns_for(len(term))):
                keys.append(found)
                owners.append(np.full(len(found), number, dtype=np.int64))
                offsets.append(np.arange(len(found), dtype=np.int32))
        every = np.concatenate(keys) if keys else np.zeros(0, dtype=np.int64)
        order = np.argsort(every, kind="stable")
        self._filed = every[order]
        self._owners = (np.concatenate(owners) if owners else np.zeros(0, dtype=np.int64))[order]
        self._offsets = (np.concatenate(offsets) if offsets else np.zeros(0, dtype=np.int32))[order]
        self.lengths = np.array([len(term) for term in self.codes], dtype=np.int64)
        self._matrix = np.full((len(self.codes), max(1, self.lengths.max(initial=1))), -1, dtype=np.int64)
        for number, term in enumerate(self.codes):
            self._matrix[number, : len(term)] = term
        self.widest = np.array([sounds.widest_for(len(term)) for term in self.codes], dtype=np.float32)
        self._filter = np.zeros(1 << FILTER_BITS, dtype=bool)
        self._filter[_slot(self._filed)] = True

    def _lay_out(self) -> None:
        """Put the patterns into arrays: each part's kind, its offset, and its place in the key."""
        longest = max(len(pattern) for pattern in self._patterns)
        nothing = len(self.sounds.classes)
        shape = (len(self._patterns), longest)
        self._kinds = np.full(shape, nothing, dtype=np.int64)
        self._offsets_of = np.zeros(shape, dtype=np.int64)
        self._shifts = np.zeros(shape, dtype=np.int64)
        self._tags = np.zeros(len(self._patterns), dtype=np.int64)
        self._reach = max(pattern[-1][0] for pattern in self._patterns)
        for number, pattern in enumerate(self._patterns):
            self._tags[number] = (number + 1) << (CODE_BITS * len(pattern))
            for at, (offset, kind) in enumerate(pattern):
                self._kinds[number, at], self._offsets_of[number, at] = kind, offset
                self._shifts[number, at] = CODE_BITS * (len(pattern) - 1 - at)

    def seeds(self, heard: Codes) -> Seeds:
        """Give the places in heard sounds at which terms may stand."""
        none = np.zeros(0, dtype=np.int64)
        if not len(heard):
            return Seeds(none, none, none)
        keys = self._all_keys(heard)
        pattern, at = np.nonzero(self._filter[_slot(keys)])
        every = keys[pattern, at]
        low = np.searchsorted(self._filed, every, "left")
        counts = np.searchsorted(self._filed, every, "right") - low
        entries = np.repeat(low, counts) + (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))
        starts = np.repeat(at, counts) - self._offsets[entries]
        places, meets = np.unique(self._owners[entries] * SPAN + (starts + MARGIN), return_counts=True)
        return Seeds(places // SPAN, places % SPAN - MARGIN, meets)

    def costs_in_place(self, heard: Codes, seeds: Seeds) -> NDArray[np.float32]:
        """Give each seed's cost for each sound of its term, taken sound for sound; infinite where it can't stand."""
        lengths = self.lengths[seeds.terms]
        fits = (seeds.starts >= 0) & (seeds.starts + lengths <= len(heard))
        width = self._matrix.shape[1]
        padded = np.full(len(heard) + width, -1, dtype=np.int64)
        padded[: len(heard)] = heard
        stretches = padded[np.where(fits, seeds.starts, 0)[:, None] + _COUNT[:width]]
        costs = self.sounds.distances[self._matrix[seeds.terms], stretches]
        costs[_COUNT[:width] >= lengths[:, None]] = 0.0
        each: NDArray[np.float32] = costs.sum(axis=1) / np.maximum(lengths, 1)
        each[~fits] = np.inf
        return each

    def _keys(self, heard: Codes, patterns: tuple[Pattern, ...]) -> list[NDArray[np.int64]]:
        """Give, for each pattern that fits, the keys of every stretch, by where it begins."""
        classes = [of_kind[heard] for of_kind in self.sounds.classes]
        keys = []
        for pattern in patterns:
            length = len(heard) - pattern[-1][0]
            if length > 0:
                key = np.full(length, self._patterns.index(pattern) + 1, dtype=np.int64)
                for offset, kind in pattern:
                    key = (key << CODE_BITS) | classes[kind][offset : offset + length]
                keys.append(key)
        return keys

    def _all_keys(self, heard: Codes) -> NDArray[np.int64]:
        """Give the keys of all patterns at once, by where they begin; a stretch that runs out has none in the index.

        The same as `_keys` for every pattern, without a loop: this runs for each update of each call.
        """
        length, longest = len(heard), self._shifts.shape[1]
        padded = np.full((len(self.sounds.classes) + 1, length + self._reach), (1 << CODE_BITS) - 1, dtype=np.int64)
        for kind, of_kind in enumerate(self.sounds.classes):
            padded[kind, :length] = of_kind[heard]
        padded[-1] = 0
        keys = np.zeros((len(self._patterns), length), dtype=np.int64)
        positions = _COUNT[:length]
        for at in range(longest):
            part = padded[self._kinds[:, at, None], self._offsets_of[:, at, None] + positions]
            keys |= part << self._shifts[:, at, None]
        return keys | self._tags[:, None]


_COUNT = np.arange(1 << 16, dtype=np.int64)


def _slot(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Spread keys over the filter by Fibonacci hashing."""
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(64 - FILTER_BITS)).astype(np.int64)
