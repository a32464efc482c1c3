"""Where each unit of an utterance is said: the best path of all of its units through posteriors. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexicon.pronunciation import BLANK

NEVER = -1e9


def aligned(posteriors: NDArray[np.float32], units: Sequence[int]) -> tuple[NDArray[np.int64], float]:
    """Place units, in their order, by Viterbi's algorithm in the topology of CTC.

    Args:
      posteriors: log probabilities (states, classes).

    Returns:
      the middle state of each unit, and the score: nats lost per unit against the best class of each state. Where there
      are too few states the score is infinitely low.
    """
    states = len(posteriors)
    path = np.full(2 * len(units) + 1, BLANK)
    path[1::2] = units
    skips = np.zeros(len(path), dtype=bool)
    skips[3::2] = path[3::2] != path[1:-2:2]
    lost = (posteriors - posteriors.max(axis=1, keepdims=True))[:, path].astype(np.float64)
    best = np.full(len(path), NEVER)
    best[:2] = lost[0, :2]
    came = np.zeros((states, len(path)), dtype=np.int8)
    for state in range(1, states):
        ways = np.stack([best, np.r_[NEVER, best[:-1]], np.where(skips, np.r_[NEVER, NEVER, best[:-2]], NEVER)])
        came[state] = ways.argmax(axis=0)
        best = ways.max(axis=0) + lost[state]
    at = len(path) - 1 - int(best[-2] > best[-1])
    score = float(best[at]) / max(1, len(units))
    if best[at] <= NEVER / 2:
        return np.zeros(len(units), dtype=np.int64), -np.inf
    first, last = np.full(len(units), states), np.zeros(len(units), dtype=np.int64)
    for state in range(states - 1, -1, -1):
        if at % 2:
            first[at // 2] = state
            last[at // 2] = max(last[at // 2], state)
        at -= int(came[state, at])
    return (first + last) // 2, score
