"""From which score on a phrase counts as said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.sounds.form import About
from streamer.recognition.sounds.head import Head
from streamer.recognition.sounds.training import calibrate
from streamer.recognition.sounds.training.calibrate import Searched
from streamer.recognition.sounds.training.shards import Row

CLASSES = 6
LENGTHS = calibrate.LENGTHS["zh"]


def searched(seed: int, apart: float = 2.0) -> Searched:
    """Places as they are found: true ones score high, and so do few false ones; the fewer the longer a phrase is."""
    rng = np.random.default_rng(seed)
    length = np.repeat(np.array(LENGTHS), 200)
    true = rng.random(len(length)) < 0.3
    score = -np.abs(rng.normal(0, 0.7, len(length))) - ~true * apart * rng.random(len(length)) * length / 4
    said = {n: int(np.sum(true & (length == n))) for n in LENGTHS}
    return Searched(length, score, true, said, dict.fromkeys(LENGTHS, 100.0))


@given(seed=st.integers(0, 1000), rate=st.floats(0.0, 2.0))
def test_false_places_are_rarer_than_the_rate(seed: int, rate: float) -> None:
    found = searched(seed)
    scores = calibrate.thresholds(found, rate)
    for length in LENGTHS:
        false = (found.length == length) & ~found.true & (found.score >= scores[length - 1])
        assert false.sum() <= rate * found.hours[length]


@given(seed=st.integers(0, 1000), rate=st.floats(0.0, 2.0))
def test_longer_phrases_need_no_more_and_a_looser_rate_neither(seed: int, rate: float) -> None:
    found = searched(seed)
    strict, loose = calibrate.thresholds(found, rate), calibrate.thresholds(found, rate + 0.5)
    assert len(strict) == LENGTHS[-1]
    assert sorted(strict, reverse=True) == list(strict)
    assert all(one >= two for one, two in zip(strict, loose, strict=True))
    found_strictly, found_loosely = (calibrate.recall(found, scores) for scores in (strict, loose))
    assert all(found_strictly[length] <= found_loosely[length] for length in LENGTHS)


@given(seed=st.integers(0, 200))
def test_a_better_score_is_likelier(seed: int) -> None:
    known = calibrate.likelihood(searched(seed))
    chances = [known.of(score, 4) for score in np.linspace(-5, 0, 20)]
    assert chances == sorted(chances)
    assert all(0 < chance < 1 for chance in chances)


def test_likelihoods_are_what_was_so() -> None:
    """The mean of a logistic regression with an offset is that of what it was fitted to."""
    found = searched(3)
    table = calibrate.reliability(found, calibrate.likelihood(found))
    assert sum(count for _, _, count, _, _ in table) == len(found.score)
    for low, high, _, mean, true in table:
        assert low <= mean <= high
        assert 0 <= true <= 1


def test_phrases_are_found_where_they_were_said() -> None:
    """A head that reads its states as they are, and texts that are told apart: all is found, and nothing falsely."""
    texts = [(1, 2, 3, 4, 5, 1, 3, 2, 4), (5, 4, 3, 2, 1, 5, 2, 4, 1)]
    held = [(Row(0, 0, "", text, "one", "CC0-1.0", True), spelled(text)) for text in texts]
    found = calibrate.search(reader(), held, 350, seed=1)
    assert set(found.length.tolist()) == set(LENGTHS)
    assert np.sum(found.true & (found.score > -0.5)) == sum(found.said.values())
    assert not np.sum(~found.true & (found.score > -0.5))
    assert found.hours[8] == pytest.approx(sum(map(len, (states for _, states in held))) / 50 / 3600 * 4)


def spelled(text: tuple[int, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.float16]]:
    path = [each for unit in text for each in (0, unit, unit)]
    return (np.eye(CLASSES)[[*path, 0]] * 20).astype(np.float16)


def reader() -> Head:
    """Make a head that gives each class what its number of the state is above the others."""
    weight = np.zeros((3, CLASSES, CLASSES))
    weight[1] = np.eye(CLASSES) * 10
    arrays = {
        "mean": np.zeros(CLASSES), "std": np.ones(CLASSES), "scale": np.ones(CLASSES), "shift": np.zeros(CLASSES),
        "conv0.weight": weight, "conv0.bias": np.zeros(CLASSES),
        "norm0.gain": np.ones(CLASSES), "norm0.bias": np.zeros(CLASSES),
        "out.weight": np.eye(CLASSES) * 10, "out.bias": np.zeros(CLASSES),
    }  # fmt: skip
    return Head(arrays, About("zh", tuple("abcde"), "none", "", CLASSES))
