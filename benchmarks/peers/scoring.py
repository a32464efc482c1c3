"""From what was shown, and when, to figures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.peer import Shown
from lexicon import phonetic
from lexicon.normalize import fold

KEPT = 0.75
"""Of the terms found with the fewest streams, the share that a load must leave."""


@dataclass(frozen=True, slots=True)
class Found:
    """When one clip's term was first shown, in seconds from its end; before it, if negative. None if it never was.

    Attributes:
      exact: in the very characters, once both are folded.
      sound: in its syllables, whatever their tones and characters.
      blocked: when the signal to block it came, from a peer that sends one.
    """

    clip: str
    term: str
    exact: float | None
    sound: float | None
    blocked: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One way of finding, over several clips: seconds from the term's end, and in how many clips it was found."""

    p50: float | None
    p95: float | None
    hits: int


def syllables(text: str) -> str:
    """Give a character for each syllable of Mandarin text, the same for the same syllable without its tone."""
    return "".join(map(chr, phonetic.codes(fold(text, "zh").text).tolist()))


def judge(clip: str, term: str, end: float, shown: Iterable[Shown]) -> Found:
    """Say when a Mandarin term that ended at `end` seconds was first shown."""
    everything = list(shown)
    characters, sounds = fold(term, "zh").text, syllables(term)
    return Found(
        clip,
        term,
        exact=_first(everything, end, lambda one: characters in fold(one.text, "zh").text),
        sound=_first(everything, end, lambda one: sounds in syllables(one.text)),
        blocked=_first(everything, end, lambda one: one.blocked),
    )


def figures(seconds: Sequence[float | None]) -> Figures:
    """Put several clips' seconds into one row; those without count as not found."""
    found = [value for value in seconds if value is not None]
    if not found:
        return Figures(None, None, 0)
    p50, p95 = (round(float(np.percentile(found, percent)), 2) for percent in (50, 95))
    return Figures(p50, p95, len(found))


def most_at_once(by_streams: Mapping[int, Figures], bound: float) -> int | None:
    """Give the most streams, of the numbers measured, that a peer keeps up with; None if it does with none.

    It does where its median is at most `bound` seconds and it finds at least three quarters of what it found with the
    fewest streams.
    """
    fewest = by_streams[min(by_streams)].hits
    kept = [
        streams
        for streams, told in by_streams.items()
        if told.p50 is not None and told.p50 <= bound and told.hits >= KEPT * fewest
    ]
    return max(kept, default=None)


def _first(everything: Iterable[Shown], end: float, holds: Callable[[Shown], bool]) -> float | None:
    return min((one.at - end for one in everything if holds(one)), default=None)
