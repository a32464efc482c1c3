"""From a candidate's distance and its acoustic likelihood to one confidence. Pure.

On the labelled telephone calls, `distance * 4 + nats lost for each syllable` was at most 2.5 for the best reading of
every violation, and at least 3.3 for whatever else the terms of blocking rules were mistaken for. `benchmarks.accuracy`
draws the curve.
"""

from __future__ import annotations

import math
from enum import Enum

DISTANCE_WEIGHT = 4.0
"""Nats that a distance of one is worth."""
EVEN = 2.8
"""The cost at which a candidate is as likely true as not."""
SHARPNESS = 3.0
"""How fast confidence falls from there, for each nat."""

BLOCK = 0.5
ALERT = 0.12

EARLY = 1.0
"""What it costs a term to be weighed before it has surely been spoken to its end: any ending is likely there."""

TEXT_EVEN, TEXT_WEIGHT = 2.0, 1.0
"""Nats lost for each syllable at which the text says nothing about a term heard by sound, and what one more says."""

# Terms of two and three syllables are met by chance: they have to cost less.
SHORT = {2: 0.8, 3: 0.3}


class Verdict(Enum):
    """What a confidence is good for."""

    BLOCK = "block"
    ALERT = "alert"
    DROP = "drop"


def cost(distance: float, lost: float, syllables: float, *, early: bool = False) -> float:
    """Tell what it costs to believe that a term was spoken.

    Args:
      distance: for each sound, between the term and what was recognised.
      lost: nats by which the text with the term is less likely than the text as recognised.
      syllables: in the term.
      early: its last syllables may not have been spoken when it was weighed.
    """
    heard = DISTANCE_WEIGHT * distance + max(0.0, lost) / max(1.0, syllables)
    return heard + SHORT.get(round(syllables), 0.0) + (EARLY if early else 0.0)


def confidence(distance: float, lost: float, syllables: float, *, early: bool = False) -> float:
    """Give the probability that a term was spoken; arguments as for `cost`."""
    return 1 / (1 + math.exp(min(50.0, SHARPNESS * (cost(distance, lost, syllables, early=early) - EVEN))))


def with_sound(heard: float, lost: float, syllables: float) -> float:
    """Give the probability that a term was spoken which was heard by sound, and then weighed against the text.

    Args:
      heard: how probable the sound alone makes it, 0 to 1.
      lost, syllables: as for `cost`.
    """
    odds = math.log(min(max(heard, 1e-6), 1 - 1e-6) / (1 - min(max(heard, 1e-6), 1 - 1e-6)))
    odds += TEXT_WEIGHT * (TEXT_EVEN - max(0.0, lost) / max(1.0, syllables))
    return 1 / (1 + math.exp(-min(50.0, max(-50.0, odds))))


def verdict(sure: float) -> Verdict:
    if sure >= BLOCK:
        return Verdict.BLOCK
    return Verdict.ALERT if sure >= ALERT else Verdict.DROP
