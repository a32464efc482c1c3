"""Terms that were spoken but written as something that sounds like them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexicon.phonetic import GAP
from lexicon.sounds import Codes, SoundIndex

LONG = 5
"""Sounds from which on a term may have one too many or too few."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A term's best place in a text.

    Attributes:
      term: its number in the index.
      start, end: the span of folded text.
      distance: cost for each of its sounds.
    """

    term: int
    start: int
    end: int
    distance: float


def find(index: SoundIndex, text: str, *, final: bool = False) -> list[NearMiss]:
    """Find the terms that folded text sounds like, each no further than its length allows.

    Args:
      final: nothing more comes; until then, what may be the beginning of a term is left to be spoken.
    """
    heard, spans = index.sounds.encode(text)
    best: dict[tuple[int, int], NearMiss] = {}
    seeds = index.seeds(heard)
    if not len(seeds.terms):
        return []
    in_place = index.costs_in_place(heard, seeds)
    near = index.widest[seeds.terms] + 1e-6
    # With a sound too many or too few a long term may still fit; then several of its parts are met.
    lengths = index.lengths[seeds.terms]
    several = (seeds.meets > 1) & (lengths >= LONG)
    wanted = (in_place <= near) | several | (lengths >= index.sounds.alone)
    for at in np.flatnonzero(wanted).tolist():
        number, start, cost = int(seeds.terms[at]), int(seeds.starts[at]), float(in_place[at])
        term, widest = index.codes[number], float(near[at])
        end = start + len(term)
        if cost > widest:
            low, high = max(0, start - 2), min(len(heard), end + 2)
            cost, start, end, whole = align(index.sounds.distances, term, heard[low:high])
            start, end = low + start, low + end
            # At the very end of the text it may simply not have been spoken to its end.
            if end <= start or cost > widest or (end == len(heard) and not (final or whole)):
                continue
        first, last = spans[start][0], spans[end - 1][1]
        best[number, first] = NearMiss(number, first, last, cost)
    return list(best.values())


def align(distances: NDArray[np.float32], term: Codes, heard: Codes) -> tuple[float, int, int, bool]:
    """Place a term where it costs least, by edit distance with free ends (Sellers, 1980).

    Returns:
      the cost for each sound of the term, the span of heard sounds, and whether the term's last sound is among them.
    """
    costs = distances[np.ix_(term, heard)].tolist()
    row = previous = [(0.0, start) for start in range(len(heard) + 1)]
    for number, line in enumerate(costs, 1):
        previous, row = row, [(number * GAP, 0)]
        for at, cost in enumerate(line):
            replaced = (previous[at][0] + cost, previous[at][1])
            missed = (previous[at + 1][0] + GAP, previous[at + 1][1])
            added = (row[at][0] + GAP, row[at][1])
            row.append(min(replaced, missed, added, key=lambda place: place[0]))
    end = min(range(len(row)), key=lambda at: row[at][0])
    missed_last = row[end][0] >= previous[end][0] + GAP - 1e-6
    return row[end][0] / max(1, len(term)), row[end][1], end, not missed_last
