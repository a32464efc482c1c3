"""Terms that were spoken but written as something that sounds like them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lexicon.phonetic import GAP
from lexicon.sound_index import SHIFTS, Seeds, SoundIndex
from lexicon.sounds import Codes

LOOSE = 0.5
"""Cost of a term's last sound from which on the word it was met in may be no part of the term."""
LONG = 5
"""Sounds from which on a term may have one too many or too few."""
REMEMBERED = 1 << 13
"""Alignments that an index remembers."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A term's best place in a text.

    Attributes:
      term: its number in the index.
      start, end: the span of folded text.
      distance: cost for each of its sounds.
      loose: whether the last word, of one sound, is so unlike the term's last that it may be what comes after it.
    """

    term: int
    start: int
    end: int
    distance: float
    loose: bool = False


def find(index: SoundIndex, text: str, *, final: bool = False, once: bool = False) -> list[NearMiss]:
    """Find the terms that folded text sounds like, each no further than its length allows.

    Args:
      final: nothing more comes; until then, what may be the beginning of a term is left to be spoken.
      once: there is no other look at what was said.
    """
    heard, spans = index.sounds.encode(text)

    def loose(number: int, end: int) -> bool:
        alone = end > 1 and spans[end - 1] != spans[end - 2]
        return alone and bool(index.sounds.distances[index.codes[number][-1], heard[end - 1]] >= LOOSE)

    best: dict[tuple[int, int], NearMiss] = {}
    near = index.near * np.float32(index.sounds.once) if once else index.near
    seeds = index.seeds(heard)
    if not len(seeds):
        return []
    in_place = index.costs_in_place(heard, seeds)
    stands = in_place <= near[seeds.terms]
    for at in np.flatnonzero(stands).tolist():
        number, start = int(seeds.terms[at]), int(seeds.starts[at])
        end = start + len(index.codes[number])
        first, last = spans[start][0], spans[end - 1][1]
        best[number, first] = NearMiss(number, first, last, float(in_place[at]), loose(number, end))
    for number, start in _stretched(index, heard, seeds, stands, near):
        low, high = max(0, start - SHIFTS), min(len(heard), start + len(index.codes[number]) + SHIFTS)
        cost, begin, end, whole = _aligned(index, number, heard[low:high].tobytes())
        # At the very end of the text it may simply not have been spoken to its end.
        if end <= begin or cost > near[number] or (low + end == len(heard) and not (final or whole)):
            continue
        first, last = spans[low + begin][0], spans[low + end - 1][1]
        best.setdefault((number, first), NearMiss(number, first, last, cost, loose(number, low + end)))
    return list(best.values())


def _stretched(
    index: SoundIndex, heard: Codes, seeds: Seeds, stands: NDArray[np.bool_], near: NDArray[np.float32]
) -> list[tuple[int, int]]:
    """Give the seeds at which a term may stand with a sound too many or too few, but not as it is: (term, start).

    Several of its parts are met there.
    """
    alone = index.sounds.alone
    meets = Counter(zip(seeds.terms.tolist(), seeds.starts.tolist(), stands.tolist(), strict=True))
    places = [
        (number, start)
        for (number, start, is_there), times in meets.items()
        if not is_there and len(index.codes[number]) >= (LONG if times > 1 else alone)
    ]
    if not places:
        return []
    terms, starts = np.array(places, dtype=np.int64).T
    stand = index.costs_at_least(heard, Seeds(terms, starts)) <= near[terms]
    return [place for place, stands_there in zip(places, stand.tolist(), strict=True) if stands_there]


def align(distances: NDArray[np.float32], term: Codes, heard: Codes) -> tuple[float, int, int, bool]:
    """Place a term where it costs least, by edit distance with free ends (Sellers, 1980).

    Returns:
      the cost for each sound of the term, the span of heard sounds, and whether the term's last sound is among them.
    """
    width = len(heard)
    row, starts = [0.0] * (width + 1), list(range(width + 1))
    before = row
    for number, line in enumerate(distances[np.ix_(term, heard)].tolist(), 1):
        before, come_from = row, starts
        row, starts = [number * GAP], [0]
        for at, cost in enumerate(line):
            best, start = before[at] + cost, come_from[at]
            if (missed := before[at + 1] + GAP) < best:
                best, start = missed, come_from[at + 1]
            if (added := row[at] + GAP) < best:
                best, start = added, starts[at]
            row.append(best)
            starts.append(start)
    end = row.index(min(row))
    missed_last = row[end] >= before[end] + GAP - 1e-6
    return row[end] / max(1, len(term)), starts[end], end, not missed_last


def _aligned(index: SoundIndex, term: int, heard: bytes) -> tuple[float, int, int, bool]:
    """Align, or remember: a window of text is scanned again and again while it grows."""
    known = index.alignments
    if (place := known.get((term, heard))) is None:
        if len(known) >= REMEMBERED:
            known.clear()
        place = align(index.sounds.distances, index.codes[term], np.frombuffer(heard, dtype=np.int32))
        known[term, heard] = place
    return place
