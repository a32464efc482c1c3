"""Which speech gave no words, and where to cut it so that it may be heard after all. Pure.

A decoder ends a text early, swallows what is said again and again, or takes clear speech for none; voice activity knows
better that somebody spoke.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.types import Word
from streamer.audio import SAMPLE_RATE

Span = tuple[float, float]

LEAST = 1.0
"""Seconds of speech at one go that must give words. What is shorter may be a cough, a laugh or a drawn-out 嗯, for
which recognisers write nothing, or the imprecision of an alignment; a sentence is longer."""
WORD = 0.6
"""Seconds that a word accounts for from where it begins, and up to where it ends: alignments stretch the words beside
what was left out over all of it. Of a number, each digit does."""
SHORTEST_PART, LONGEST_PART = 0.8, 2.4
"""Seconds of speech that are heard by themselves: one phrase, without what said it before."""
PAUSE = 25.0
"""Decibels below the loudest that make a pause in speech short enough to be heard at once."""
FLOOR = 40.0
"""Decibels below the loudest from which on one silence is as good as another."""
MOST_PARTS = 12
"""Parts that a window is cut into at most: the rest was tried for long enough."""
_STEP = 320


def wordless(speech: Sequence[Span], words: Sequence[Word]) -> list[Span]:
    """List the stretches of speech that no word accounts for, and that are too long for that.

    Args:
      speech: seconds from and to which somebody speaks, in order.
      words: what was heard there; with times in the same seconds.
    """
    accounted: list[Span] = []
    for word in words:
        most = WORD * max(1, sum(map(str.isdigit, word.text)))
        accounted += [(word.start, min(word.end, word.start + most)), (max(word.start, word.end - most), word.end)]
    accounted.sort()
    found: list[Span] = []
    for start, end in speech:
        at = start
        for begin, until in [
            *((begin, until) for begin, until in accounted if until > start and begin < end),
            (end, end),
        ]:
            if begin - at >= LEAST:
                found.append((at, begin))
            at = max(at, until)
    return found


def parts(audio: NDArray[np.float32], start: float, gap: Span) -> list[Span]:
    """Cut a stretch of speech where it is quietest.

    Args:
      audio: float32 at 16 kHz.
      start: seconds at which it begins.
      gap: the stretch, in the same seconds.
    """
    begin, end = gap
    first = max(0, round((begin - start) * SAMPLE_RATE))
    levels = _levels(audio[first : round((end - start) * SAMPLE_RATE)])
    cut: list[Span] = []
    while end - begin >= 2 * SHORTEST_PART and len(cut) < MOST_PARTS:
        low = round((begin + SHORTEST_PART - gap[0]) * SAMPLE_RATE / _STEP)
        high = round((min(begin + LONGEST_PART, end - SHORTEST_PART) - gap[0]) * SAMPLE_RATE / _STEP) + 1
        within = levels[low:high]
        if not len(within):
            break
        quietest = int(np.argmin(within))
        if end - begin <= LONGEST_PART and within[quietest] > -PAUSE:
            break
        at = gap[0] + (low + quietest + 0.5) * _STEP / SAMPLE_RATE
        cut.append((begin, at))
        begin = at
    return [*cut, (begin, end)][:MOST_PARTS]


def _levels(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give the level of each 20 ms and its neighbours, in decibels below the loudest."""
    whole = audio[: len(audio) // _STEP * _STEP].astype(np.float64).reshape(-1, _STEP)
    if not len(whole):
        return np.zeros(0)
    power = np.convolve((whole**2).mean(axis=1), np.ones(3) / 3, mode="same") + 1e-12
    levels: NDArray[np.float64] = np.maximum(10 * np.log10(power / power.max()), -FLOOR)
    return levels
