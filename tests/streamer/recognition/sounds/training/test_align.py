"""Where each unit of an utterance is said."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.sounds.training.align import aligned

CLASSES = 5


def posteriors(path: list[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.log(np.eye(CLASSES)[path] * 0.9 + 0.02).astype(np.float32)


@given(st.lists(st.integers(1, CLASSES - 1), min_size=1, max_size=6), st.data())
def test_units_are_placed_where_they_are_read(units: list[int], data: st.DataObject) -> None:
    path: list[int] = [0] * data.draw(st.integers(0, 2))
    middles = []
    for unit in units:
        held = data.draw(st.integers(1, 4))
        middles.append(len(path) + (held - 1) // 2)
        path += [unit] * held + [0] * data.draw(st.integers(1, 3))
    found, score = aligned(posteriors(path), units)
    assert found.tolist() == middles
    assert score == 0


def test_a_text_that_is_not_there_scores_low() -> None:
    read = posteriors([0, 1, 0, 2, 0, 3, 0])
    assert aligned(read, [1, 2, 3])[1] > -0.1
    assert aligned(read, [4, 4, 4])[1] < -2


def test_units_that_do_not_fit_have_no_place() -> None:
    assert aligned(posteriors([1, 1]), [1, 1])[1] == -np.inf
    assert aligned(posteriors([1]), [1, 2])[1] == -np.inf
