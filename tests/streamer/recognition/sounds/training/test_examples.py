"""Examples to fit a head to."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.sounds.training import examples
from streamer.recognition.sounds.training.shards import Row, Stage

UNITS = st.lists(st.integers(1, 5), max_size=8)


def example(states: int, units: tuple[int, ...]) -> examples.Example:
    return Row(0, states, "", units, "one", "CC0-1.0", False), np.full((states, 3), states, dtype=np.float16)


def test_examples_too_short_for_their_units_are_left_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "states", {})
    some = [example(3, (1, 2, 3)), example(3, (1, 1, 2)), example(4, (1, 1, 2))]
    stage.write(0, [states for _, states in some], [row for row, _ in some])
    assert [(row.length, row.units) for row, _ in examples.load(stage, 0)] == [(3, (1, 2, 3)), (4, (1, 1, 2))]


@given(
    lengths=st.lists(st.integers(8, 350), min_size=1, max_size=20), seed=st.integers(0, 100), start=st.integers(0, 5)
)
def test_batches_are_padded_with_nothing_and_drawn_the_same_again(lengths: list[int], seed: int, start: int) -> None:
    some = [example(length, (1, 2)[: 1 + length % 2]) for length in lengths]
    from_first = list(islice(examples.batches(some, 1000, seed), start + 2))
    for one, two in zip(from_first[start:], examples.batches(some, 1000, seed, start), strict=False):
        assert np.array_equal(one.states, two.states)
        assert one.states.shape[1] % examples.BUCKET == 0
        counts = (1 - one.beyond).sum(axis=1)
        for states, beyond, units, no_unit, count in zip(
            one.states, one.beyond, one.units, one.no_unit, counts, strict=True
        ):
            assert (states[beyond == 0] == count).all()
            assert not states[beyond == 1].any()
            assert not units[no_unit == 1].any()
            assert (units[no_unit == 0] > 0).all()


@given(UNITS, st.data())
def test_greedy_reading_undoes_repeats_and_blanks(units: list[int], data: st.DataObject) -> None:
    path = []
    for unit in units:
        path += [0] * data.draw(st.integers(1, 2)) + [unit] * data.draw(st.integers(1, 3))
    posteriors = np.eye(6)[np.array([*path, 0])]
    assert examples.greedy(posteriors) == units


@given(UNITS, UNITS)
def test_distance_is_levenshteins(one: list[int], two: list[int]) -> None:
    @cache
    def naive(a: int, b: int) -> int:
        if not a or not b:
            return a + b
        return min(naive(a - 1, b) + 1, naive(a, b - 1) + 1, naive(a - 1, b - 1) + (one[a - 1] != two[b - 1]))

    assert examples.distance(one, two) == naive(len(one), len(two))
