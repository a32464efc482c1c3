"""An index of terms by their sound: which could stand where, in time that hardly depends on their number. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexicon.phonetic import GAP
from lexicon.sounds import Codes, Sounds

CODE_BITS = 9
"""Bits that number a class of sounds; five of them and the pattern's number fit a float's 53 without loss."""
NOTHING = (1 << CODE_BITS) - 1
"""The class of what lies beyond a text's end: no sound has it."""
SPARSE, LEAST = 4, 20
"""Slots of the filter for each key, and at least, as powers of two: one in sixteen that is not filed gets past it."""
SHIFTS = 2
"""By how many places the sounds of a stretch with one too many or too few may be off."""
CLOSE = 1e-6
"""By how much costs may differ and be the same."""
PIECE = 1 << 12
"""Terms filed in one go: short enough for other threads to have their turn in between."""


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """Places where terms may stand, as columns; a place is named once for each part of the term that is met there.

    Attributes:
      terms: the term's number in the index.
      starts: index of the sound at which it would begin, were none missing; may lie outside.
    """

    terms: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.terms)


class SoundIndex:
    """Terms by the sounds of their parts.

    Each term is filed under keys of some of its sounds, merged with what they are mistaken for. A text is asked for
    with the keys of all its stretches at once: a filter of one bit to a slot refuses nearly all of them, and what is
    left is looked up in a hash table.

    Args:
      terms: folded text of each.

    Attributes:
      codes, lengths, near: of each term, its sounds, their number, and the cost for each at which it is a candidate.
      alignments: by (term, heard sounds as bytes), for whoever aligns to remember; they go when the index does.
    """

    def __init__(self, sounds: Sounds, terms: Sequence[str]) -> None:
        self.sounds = sounds
        self.codes = tuple(sounds.encode(term)[0] for term in terms)
        self.lengths = np.fromiter((len(term) for term in self.codes), dtype=np.int64)
        self.near = np.fromiter((sounds.widest_for(len(term)) + CLOSE for term in self.codes), dtype=np.float32)
        self.alignments: dict[tuple[int, bytes], tuple[float, int, int, bool]] = {}
        self._lay_down()
        self._patterns = tuple(dict.fromkeys(pattern for group in sounds.patterns.values() for pattern in group))
        self._lay_out()
        self._file()

    def _lay_down(self) -> None:
        """Put the terms into the rows of a matrix, and extend the costs: beyond a term all is free, outside nothing."""
        longest = int(self.lengths.max(initial=1))
        sounds = len(self.sounds.distances)
        self._outside = sounds
        self._costs = np.full((sounds + 2, sounds + 1), np.inf, dtype=np.float32)
        self._costs[:sounds, :sounds] = self.sounds.distances
        self._costs[sounds + 1] = 0.0
        self._rows = np.full((len(self.codes), longest), sounds + 1, dtype=np.int32)
        for first in range(0, len(self.codes), PIECE):
            piece = slice(first, first + PIECE)
            self._rows[piece][np.arange(longest) < self.lengths[piece, None]] = np.concatenate(self.codes[piece])
        self._room = longest + SHIFTS
        self._count = np.arange(longest)
        self._sides = np.arange(-SHIFTS, SHIFTS + 1)[:, None] + self._count

    def _lay_out(self) -> None:
        """Put the patterns into one matrix, which makes keys of the classes of sounds that follow each other."""
        kinds = len(self.sounds.classes)
        self._classes = np.array(self.sounds.classes, dtype=np.float64)
        self._reach = max(pattern[-1][0] for pattern in self._patterns)
        weights = np.zeros((len(self._patterns), kinds * (self._reach + 1) + 1))
        for number, pattern in enumerate(self._patterns):
            weights[number, -1] = (number + 1) << (CODE_BITS * len(pattern))
            for at, (offset, kind) in enumerate(pattern):
                weights[number, kind * (self._reach + 1) + offset] = 1 << (CODE_BITS * (len(pattern) - 1 - at))
        self._weights = weights

    def _file(self) -> None:
        """Put the keys of all terms into the filter and the table."""
        entries = [self._filed(at) for at in range(0, len(self.codes), PIECE)]
        none = np.zeros(0, dtype=np.int64)
        keys = np.concatenate([found for found, _, _ in entries] or [none.astype(np.uint64)])
        bits = max(8, len(keys).bit_length())
        self._shift = np.uint64(64 - bits)
        slots = (keys >> self._shift).view(np.int64)
        order = np.argsort(slots, kind="stable")
        self._keys = keys[order]
        self._owners = np.concatenate([owners for _, owners, _ in entries] or [none])[order]
        self._offsets = np.concatenate([offsets for _, _, offsets in entries] or [none])[order]
        self._first = np.zeros((1 << bits) + 1, dtype=np.int64)
        np.cumsum(np.bincount(slots, minlength=1 << bits), out=self._first[1:])
        fine = max(LEAST, bits + SPARSE)
        self._filter_shift = np.uint64(64 - fine)
        self._filter = np.zeros(1 << fine, dtype=bool)
        self._filter[(keys >> self._filter_shift).view(np.int64)] = True

    def _filed(self, first: int) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Give the keys of some terms, and of each the term and its offset in it."""
        terms = self.codes[first : first + PIECE]
        lengths = self.lengths[first : first + PIECE]
        keys = self._all_keys(np.concatenate(terms))
        owners = np.repeat(np.arange(first, first + len(terms)), lengths)
        offsets = np.arange(keys.shape[1]) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        lengths = self.lengths[owners]
        filed = np.zeros(keys.shape, dtype=bool)
        for number, pattern in enumerate(self._patterns):
            wants = np.array([pattern in self.sounds.patterns_for(n) for n in range(int(lengths.max(initial=0)) + 1)])
            filed[number] = wants[lengths] & (offsets + pattern[-1][0] < lengths)
        _, at = np.nonzero(filed)
        return keys[filed], owners[at], offsets[at]

    def seeds(self, heard: Codes) -> Seeds:
        """Give the places in heard sounds at which terms may stand."""
        if not len(heard):
            return NONE
        keys = self._all_keys(heard).ravel()
        passed = np.flatnonzero(self._filter[(keys >> self._filter_shift).view(np.int64)])
        if not len(passed):
            return NONE
        keys = keys[passed]
        slots = (keys >> self._shift).view(np.int64)
        low = self._first[slots]
        counts = self._first[slots + 1] - low
        before = np.cumsum(counts) - counts
        entries = np.repeat(low - before, counts) + np.arange(int(before[-1] + counts[-1]))
        same = self._keys[entries] == np.repeat(keys, counts)
        entries = entries[same]
        return Seeds(self._owners[entries], np.repeat(passed % len(heard), counts)[same] - self._offsets[entries])

    def costs_in_place(self, heard: Codes, seeds: Seeds) -> NDArray[np.float32]:
        """Give each seed's cost for each sound of its term, taken sound for sound; infinite where it can't stand."""
        places = (seeds.starts + self._room)[:, None] + self._count
        costs = self._costs[self._rows[seeds.terms], self._padded(heard)[places]]
        each: NDArray[np.float32] = costs.sum(axis=1) / self.lengths[seeds.terms]
        return each

    def costs_at_least(self, heard: Codes, seeds: Seeds) -> NDArray[np.float32]:
        """Give a bound for each seed's cost with a sound too many or too few: no alignment there costs less."""
        places = (seeds.starts + self._room)[:, None, None] + self._sides
        costs = self._costs[self._rows[seeds.terms][:, None], self._padded(heard)[places]]
        best = np.minimum(costs.min(axis=1), GAP)
        # A sound too many costs a gap on top of all, one too few a gap instead of what it would cost itself.
        least: NDArray[np.float32] = (best.sum(axis=1) + GAP - best.max(axis=1)) / self.lengths[seeds.terms]
        return least

    def _padded(self, heard: Codes) -> NDArray[np.int32]:
        """Put room for the longest term, begun or ended outside, on both sides."""
        padded = np.full(len(heard) + 2 * self._room, self._outside, dtype=np.int32)
        padded[self._room : self._room + len(heard)] = heard
        return padded

    def _all_keys(self, heard: NDArray[np.integer]) -> NDArray[np.uint64]:
        """Give the keys of all patterns, by where they begin, spread over all their bits.

        What reaches beyond the end has keys that no term has. It runs for each update of each call: hence one product
        of matrices, exact since all its numbers are whole and below 2**53.
        """
        length, kinds = len(heard), len(self._classes)
        padded = np.full((kinds, length + self._reach), float(NOTHING))
        np.take(self._classes, heard, axis=1, out=padded[:, :length], mode="clip")
        down, along = padded.strides
        following = np.ndarray((kinds, self._reach + 1, length), padded.dtype, padded, 0, (down, along, along))
        stacked = np.ones((self._weights.shape[1], length))
        stacked[:-1] = following.reshape(len(stacked) - 1, length)
        # Fibonacci hashing: a bijection, so that hashes are the same only if keys are.
        return (self._weights @ stacked).astype(np.uint64) * _GOLDEN


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
NONE = Seeds(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
