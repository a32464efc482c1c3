"""Confidence from distance and likelihood."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detector.verify import Verdict, confidence, verdict

costs = st.floats(0, 50)


@given(st.floats(0, 1), st.floats(-50, 500), st.floats(1, 20))
def test_is_a_probability_that_falls_with_either(distance: float, lost: float, syllables: float) -> None:
    sure = confidence(distance, lost, syllables)
    assert 0 <= sure <= 1
    assert confidence(distance + 0.1, lost, syllables) <= sure
    assert confidence(distance, lost + 5, syllables) <= sure


def test_a_homophone_that_is_as_likely_blocks_and_a_wild_guess_is_dropped() -> None:
    assert verdict(confidence(0.0, 0.0, 4)) is Verdict.BLOCK
    assert verdict(confidence(0.15, 10.4, 4)) is Verdict.ALERT
    assert verdict(confidence(0.25, 30.0, 4)) is Verdict.DROP


def test_a_short_term_has_to_cost_less() -> None:
    assert confidence(0.0, 2.0, 2) < confidence(0.0, 4.0, 4)
