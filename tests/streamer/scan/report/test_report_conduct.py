"""How calls were held, taken together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.scan.report.conduct import Conduct, together
from streamer.scan.results import Scanned
from tests.streamer.scan.invented import KEY, result

NAMES = (
    "talk_seconds",
    "talk_ratio",
    "silence_seconds",
    "longest_silence",
    "overlap_seconds",
    "pace",
    "fastest",
    "unit",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["agent", "customer", "seconds"]), inner)
    ),
    max_leaves=6,
)


def call(duration: float, **metrics: Any) -> Scanned:
    return result(duration=duration, metrics=metrics)


def talked(agent: float, customer: float, pace: float | None) -> Scanned:
    everybody = agent + customer
    return call(
        200.0,
        talk_seconds={"agent": agent, "customer": customer},
        talk_ratio={"agent": agent / everybody, "customer": customer / everybody},
        pace={"agent": pace, "customer": 1.0},
    )


class TestCallsTogether:
    def test_count_each_by_its_length(self) -> None:
        one = together([talked(90.0, 10.0, 300.0), talked(10.0, 10.0, 200.0)])
        assert one.talk == pytest.approx(100 / 120)
        assert one.pace == {"characters": pytest.approx(290.0)}
        silent = together([call(300.0, silence_seconds=90.0, overlap_seconds=3.0), call(100.0, silence_seconds=10.0)])
        assert silent.silence == pytest.approx(0.25)
        assert silent.overlap == pytest.approx(0.01)

    def test_have_the_longest_silence_of_any(self) -> None:
        calls = [
            call(60.0, longest_silence={"seconds": 7.5, "from": 1.0, "to": 8.5}),
            call(60.0, longest_silence=None),
            call(60.0, longest_silence=4.0),
        ]
        assert together(calls).longest_silence == 7.5

    def test_keep_words_and_characters_apart(self) -> None:
        english = replace(talked(10.0, 10.0, 150.0), key=replace(KEY, language="en"))
        told = replace(english, metrics={**english.metrics, "unit": "characters"})
        assert together([talked(10.0, 10.0, 250.0), english]).pace == {"characters": 250.0, "words": 150.0}
        assert together([told]).pace == {"characters": 150.0}

    def test_of_one_leg_say_nothing_of_shares(self) -> None:
        mono = replace(talked(50.0, 0.0, 240.0), channels=("agent",))
        one = together([replace(mono, metrics={**mono.metrics, "overlap_seconds": 0.0})])
        assert (one.talk, one.overlap) == (None, None)
        assert one.pace == {"characters": 240.0}

    def test_that_were_not_measured_have_no_measures(self) -> None:
        assert together([result(metrics={}), talked(5.0, 5.0, None)]).pace == {}
        assert together([result(metrics={})]) == Conduct(None, {}, None, None, None)

    @given(st.dictionaries(st.sampled_from(NAMES), JSON))
    def test_whatever_a_file_says_have_measures_or_none(self, metrics: dict[str, Any]) -> None:
        one = together([result(metrics=metrics)])
        for value in (one.talk, one.silence, one.longest_silence, one.overlap, *one.pace.values()):
            assert value is None or isinstance(value, float)
