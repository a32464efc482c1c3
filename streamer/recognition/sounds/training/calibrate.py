"""Stage of calibration: from which score on a phrase counts as said, by its length, and how likely it is said then.

Phrases of 2 to 8 syllables, or 5 to 30 letters, are cut out of what voices say that are held back from training. In
windows that hold them they are found truly, in all others falsely. Nothing of a test is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detector.spotting import Spotter
from streamer.recognition.sounds.form import Likelihood
from streamer.recognition.sounds.head import Head
from streamer.recognition.sounds.training.examples import Example
from streamer.recognition.sounds.training.texts import labelled

LENGTHS = {"zh": range(2, 9), "en": range(5, 31)}
"""Units of phrases that are searched, by language."""
LOWEST = -5.0
"""Score (nats lost per unit) below which nothing counts."""
NEAR = -3.0
"""Score from which on places count for likelihoods."""
PRIOR = 1e-3
"""What keeps likelihoods from being certain where nothing false was found."""
RATES = {"sure": 0.02, "candidate": 0.3}
"""False places in an hour of speech that are searched for one phrase, by what a threshold is for."""
ONCE = 10.0
"""Hours of speech in which a phrase is truly said once: what likelihoods are weighed with."""
BANDS = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
"""Of likelihood, in the table that compares them with what was so."""


@dataclass(frozen=True)
class Searched:
    """Places at which phrases were found.

    Attributes:
      length: units of the phrase, of each place.
      score: nats lost per unit.
      true: whether it was said there.
      said: how often phrases of each length were truly said, by length.
      hours: of speech that were searched for phrases of each length, times the number of them, by length.
    """

    length: NDArray[np.int64]
    score: NDArray[np.float64]
    true: NDArray[np.bool_]
    said: dict[int, int]
    hours: dict[int, float]

    @property
    def lengths(self) -> Sequence[int]:
        """Lengths that were searched, without a gap."""
        return sorted(self.said)


def search(head: Head, held: Sequence[Example], phrases: int, seed: int) -> Searched:
    """Search phrases in what is held back.

    Args:
      phrases: of all lengths together, at most.
    """
    lengths = LENGTHS[head.about.language]
    texts = [row.units for row, _ in held]
    cut = phrases_of(texts, lengths, phrases // len(lengths), np.random.default_rng([seed, 5]))
    spotter = Spotter(cut, range(len(cut)), head.about.classes)
    found: list[tuple[int, float, bool]] = []
    said = dict.fromkeys(lengths, 0)
    states = 0
    for row, array in held:
        states += len(array)
        whole = labelled(row.text, head.about.language)
        inside = [_times(phrase, row.units) for phrase in cut]
        for phrase, times in zip(cut, inside, strict=True):
            said[len(phrase)] += times
        spots = sorted(spotter.find(head.read(array[None])[0], LOWEST), key=lambda spot: -spot.score)
        for spot in spots:
            true = inside[spot.phrase] > 0
            inside[spot.phrase] -= true
            if true or not _like(cut[spot.phrase], whole):
                found.append((len(cut[spot.phrase]), spot.score, true))
    hours = states / head.about.rate / 3600
    units, scores, true_ones = zip(*found, strict=True) if found else ((), (), ())
    return Searched(
        np.array(units, dtype=np.int64),
        np.array(scores, dtype=np.float64),
        np.array(true_ones, dtype=np.bool_),
        said,
        {length: hours * sum(len(phrase) == length for phrase in cut) for length in lengths},
    )


def phrases_of(
    texts: Sequence[Sequence[int]], lengths: Sequence[int], most: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Cut distinct phrases of each length out of texts, at places of chance."""
    found = []
    for length in lengths:
        there = sorted({tuple(text[at : at + length]) for text in texts for at in range(len(text) - length + 1)})
        chosen = rng.permutation(len(there))[:most]
        found += [there[index] for index in sorted(chosen)]
    return found


def thresholds(searched: Searched, rate: float) -> tuple[float, ...]:
    """Give for phrases of 1, 2, 3, ... units the least score that false places reach less often than a rate.

    Of longer phrases a lower score is enough, never a higher one. Shorter phrases than were searched are not found
    unless nothing at all was lost.

    Args:
      rate: false places in an hour of speech and for one phrase.
    """
    needed = []
    for length in searched.lengths:
        false = np.sort(searched.score[(searched.length == length) & ~searched.true])[::-1]
        allowed = int(rate * searched.hours[length])
        needed.append(float(false[allowed]) + 1e-3 if allowed < len(false) else LOWEST)
    falling = np.maximum.accumulate(np.clip(needed, LOWEST, 0.0)[::-1])[::-1]
    return (*(0.0 for _ in range(1, searched.lengths[0])), *(round(float(score), 3) for score in falling))


def likelihood(searched: Searched) -> Likelihood:
    """Fit the likelihood to what was found, by logistic regression (Newton's method).

    Places are weighed so that each phrase is truly said once in `ONCE` hours; those that score low are left out, since
    it is near the thresholds that a likelihood has to be right.
    """
    near = searched.score >= NEAR
    score, length = searched.score[near], searched.length[near]
    true, weight = searched.true[near], _weights(searched)[near]
    given = np.stack([np.ones_like(score), score, length, score * length], axis=1)
    # A likelihood never falls as a score rises: what would let it fall is held at nothing.
    for columns in ([0, 1, 2, 3], [0, 2, 3], [0, 1, 2]):
        fitted = np.zeros(4)
        fitted[columns] = _regressed(given[:, columns], true, weight)
        if all(fitted[1] + fitted[3] * units >= 0 for units in searched.lengths):
            break
    offset, slope, longer, steeper = map(float, fitted)
    return Likelihood(offset, slope, longer, searched.lengths[-1], steeper)


def _regressed(given: NDArray[np.float64], true: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    fitted = np.zeros(given.shape[1])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(given @ fitted, -50, 50)))
        slope = given.T @ (weight * (true - chance)) - PRIOR * fitted
        bend = (given * (weight * chance * (1 - chance))[:, None]).T @ given + PRIOR * np.eye(given.shape[1])
        step = np.linalg.solve(bend, slope)
        fitted += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return fitted


def reliability(searched: Searched, known: Likelihood) -> list[tuple[float, float, int, float, float]]:
    """Compare likelihoods with what was so: band from and to, places, mean likelihood, weighed share of true ones."""
    places = zip(searched.score.tolist(), searched.length.tolist(), strict=True)
    chance, weight = np.array([known.of(score, length) for score, length in places]), _weights(searched)
    table = []
    for low, high in pairwise(BANDS):
        inside = (chance >= low) & ((chance < high) | (high == BANDS[-1]))
        if weight[inside].sum():
            mean = float(np.average(chance[inside], weights=weight[inside]))
            true = float(np.average(searched.true[inside], weights=weight[inside]))
            table.append((low, high, int(inside.sum()), mean, true))
    return table


def recall(searched: Searched, scores: Sequence[float]) -> dict[int, float]:
    """Give the share of true phrases of each length that reach their threshold."""
    return {
        length: float(np.sum(searched.true & (searched.length == length) & (searched.score >= scores[length - 1])))
        / max(1, searched.said[length])
        for length in searched.lengths
    }


def _weights(searched: Searched) -> NDArray[np.float64]:
    """Give the places of one length in one phrase and `ONCE` hours."""
    weight = np.zeros(len(searched.score))
    for length in searched.lengths:
        here = searched.length == length
        weight[here & searched.true] = 1 / max(1, searched.said[length])
        weight[here & ~searched.true] = ONCE / max(1e-9, searched.hours[length])
    return weight


def _like(phrase: Sequence[int], text: Sequence[int]) -> bool:
    """Whether a phrase stands in an utterance's text, or nearly: then a place of it counts neither way.

    A window may end in the midst of it. And read speech has many sentences of one pattern, so that phrases of five
    units and more are met with one of five replaced far more often than in talk.
    """
    size = len(phrase)
    allowed = size // 5
    windows = (text[at : at + size] for at in range(len(text) - size + 1))
    return any(sum(one != two for one, two in zip(phrase, part, strict=True)) <= allowed for part in windows)


def _times(phrase: Sequence[int], text: Sequence[int]) -> int:
    """Count how often a phrase stands in a text."""
    size = len(phrase)
    return sum(tuple(text[at : at + size]) == tuple(phrase) for at in range(len(text) - size + 1))
