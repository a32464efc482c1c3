"""Terms that were spoken but written as something that sounds like them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexicon.phonetic import GAP, codes, distances
from lexicon.sounds import SoundIndex

# The most that a term of so many syllables may differ from what was heard, for each syllable; longer ones as the last.
# A short term is met by chance much sooner.
WIDEST = {2: 0.0, 3: 0.1, 4: 0.23, 5: 0.25}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A term's best place among heard syllables.

    Attributes:
      term: its number in the index.
      start, end: the span of heard syllables.
      distance: cost for each of its syllables.
    """

    term: int
    start: int
    end: int
    distance: float


def find(index: SoundIndex, text: str) -> list[NearMiss]:
    """Find the terms that folded text sounds like, each no further than its length allows."""
    heard = codes(text)
    best: dict[tuple[int, int], NearMiss] = {}
    for seed in index.seeds(heard):
        term = index.codes[seed.term]
        # A syllable more or less before the seed moves the term by one.
        low, high = max(0, seed.start - 2), min(len(heard), seed.start + len(term) + 2)
        distance, start, end = align(term, heard[low:high])
        if end > start and distance <= WIDEST.get(len(term), WIDEST[max(WIDEST)]) + 1e-6:
            key = (seed.term, low + start)
            best[key] = NearMiss(seed.term, low + start, low + end, distance)
    return list(best.values())


def align(term: NDArray[np.int32], heard: NDArray[np.int32]) -> tuple[float, int, int]:
    """Place a term where it costs least, by edit distance with free ends (Sellers, 1980).

    Returns:
      the cost for each syllable of the term, and the span of heard syllables.
    """
    table = distances()
    costs = table[np.ix_(term, heard)].tolist()
    row = [(0.0, start) for start in range(len(heard) + 1)]
    for number, line in enumerate(costs, 1):
        previous, row = row, [(number * GAP, 0)]
        for at, cost in enumerate(line):
            replaced = (previous[at][0] + cost, previous[at][1])
            missed = (previous[at + 1][0] + GAP, previous[at + 1][1])
            added = (row[at][0] + GAP, row[at][1])
            row.append(min(replaced, missed, added, key=lambda place: place[0]))
    end = min(range(len(row)), key=lambda at: row[at][0])
    return row[end][0] / max(1, len(term)), row[end][1], end
