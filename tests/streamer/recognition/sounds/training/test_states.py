"""Windows that are cut out of utterances."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.sounds.training import states
from streamer.recognition.sounds.training.augment import RATE
from streamer.recognition.sounds.training.states import STEP, WINDOWS


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 1000))
def test_windows_part_an_utterance_and_are_of_the_wanted_length(gaps: list[int], seed: int) -> None:
    between = [0, *np.cumsum(gaps).tolist()]
    found = list(states.spans(between, np.random.default_rng(seed)))
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == len(gaps)
    for start, end in found:
        assert start < end
        assert end == start + 1 or (between[end] - between[start]) * STEP / RATE <= WINDOWS[1]


@given(st.integers(1, 5 * RATE), st.integers(0, 1000))
def test_an_utterance_is_padded_to_whole_states(length: int, seed: int) -> None:
    speech = np.ones(length, dtype=np.float32)
    window = states.padded(speech, np.random.default_rng(seed))
    assert len(window) % STEP == 0
    assert window.sum() == length
    assert len(window) - length <= 2 * states.PAUSES[1] * RATE + STEP
