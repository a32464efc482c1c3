"""An index of terms by their sound: which terms could stand where, in time that hardly depends on how many there are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexicon.phonetic import coarse_classes, codes, fuzzy_classes

FILTER_BITS = 22
"""Slots of the filter in front of the index, as a power of two: 4 MB, so that most keys are refused by one look."""

_FUZZY, _COARSE, _EXACT = 0, 1, 2
# Which syllables of a stretch must sound the same, and how much so, for a term to be looked at: (offset, kind) each.
# A term of two syllables must sound exactly so; of three, two must, and the third be alike; a longer one keeps three
# of any four, or four that are alike.
_PAIR = (((0, _EXACT), (1, _EXACT)),)
_TRIPLES = (
    ((0, _FUZZY), (1, _FUZZY), (2, _COARSE)),
    ((0, _FUZZY), (1, _COARSE), (2, _FUZZY)),
    ((0, _COARSE), (1, _FUZZY), (2, _FUZZY)),
)
_LONGER = (
    ((0, _FUZZY), (1, _FUZZY), (2, _FUZZY)),
    ((0, _FUZZY), (1, _FUZZY), (3, _FUZZY)),
    ((0, _FUZZY), (2, _FUZZY), (3, _FUZZY)),
    ((0, _COARSE), (1, _COARSE), (2, _COARSE), (3, _COARSE)),
)
_PATTERNS = (*_PAIR, *_TRIPLES, *_LONGER)


@dataclass(frozen=True, slots=True)
class Seed:
    """A place where a term may stand.

    Attributes:
      term: its number in the index.
      start: index of the syllable at which it would begin, were none missing.
    """

    term: int
    start: int


class SoundIndex:
    """Terms by the sounds of their parts.

    Each term is filed under keys of three or four of its syllables, some of them merged with what they are mistaken
    for. A text is asked for with all the keys of its own stretches at once: a filter refuses nearly all of them, and
    what is left is looked up in a sorted table.

    Args:
      terms: folded Chinese text of each.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self.codes = tuple(codes(term) for term in terms)
        keys, owners, offsets = [], [], []
        for number, term in enumerate(self.codes):
            for _, found in _keys(term, _patterns_for(len(term))):
                keys.append(found)
                owners.append(np.full(len(found), number, dtype=np.int32))
                offsets.append(np.arange(len(found), dtype=np.int32))
        every = np.concatenate(keys) if keys else np.zeros(0, dtype=np.int64)
        order = np.argsort(every, kind="stable")
        self._keys = every[order]
        self._owners = (np.concatenate(owners) if owners else np.zeros(0, dtype=np.int32))[order]
        self._offsets = (np.concatenate(offsets) if offsets else np.zeros(0, dtype=np.int32))[order]
        self._filter = np.zeros(1 << FILTER_BITS, dtype=bool)
        self._filter[_slot(self._keys)] = True

    def seeds(self, heard: NDArray[np.int32]) -> list[Seed]:
        """Give the places in heard syllables at which terms may stand."""
        keys, starts = [], []
        for _, found in _keys(heard, _PATTERNS):
            keys.append(found)
            starts.append(_COUNT[: len(found)])
        if not keys:
            return []
        every, at = np.concatenate(keys), np.concatenate(starts)
        likely = self._filter[_slot(every)]
        every, at = every[likely], at[likely]
        low, high = np.searchsorted(self._keys, every, "left"), np.searchsorted(self._keys, every, "right")
        seeds = {
            Seed(int(self._owners[entry]), int(start - self._offsets[entry]))
            for first, last, start in zip(low.tolist(), high.tolist(), at.tolist(), strict=True)
            for entry in range(first, last)
        }
        return list(seeds)


_COUNT = np.arange(1 << 16, dtype=np.int64)


def _patterns_for(length: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    if length < 4:
        return {2: _PAIR, 3: _TRIPLES}.get(length, ())
    return _LONGER


def _keys(
    heard: NDArray[np.int32], patterns: tuple[tuple[tuple[int, int], ...], ...]
) -> list[tuple[int, NDArray[np.int64]]]:
    """Give, for each pattern that fits, the keys of every stretch, by where it begins."""
    kinds = (fuzzy_classes()[heard], coarse_classes()[heard], heard.astype(np.int64) + 1)
    keys = []
    for pattern in patterns:
        length = len(heard) - pattern[-1][0]
        if length <= 0:
            continue
        key = np.full(length, _PATTERNS.index(pattern) + 1, dtype=np.int64)
        for offset, kind in pattern:
            key = (key << 9) | kinds[kind][offset : offset + length]
        keys.append((length, key))
    return keys


def _slot(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Spread keys over the filter by Fibonacci hashing."""
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(64 - FILTER_BITS)).astype(np.int64)
