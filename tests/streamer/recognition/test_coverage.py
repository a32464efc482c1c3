"""Which speech gave no words, and where it is cut to be heard again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.types import Word
from streamer.audio import SAMPLE_RATE
from streamer.recognition.coverage import LEAST, LONGEST_PART, MOST_PARTS, SHORTEST_PART, parts, wordless

spans = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)), max_size=6).map(
    lambda some: sorted((start, start + length) for start, length in some)
)


def words(*times: tuple[float, float], text: str = "好") -> list[Word]:
    return [Word(text, start, end) for start, end in times]


class TestWordless:
    def test_is_speech_before_between_and_after_words(self) -> None:
        assert wordless([(0.0, 10.0)], words((2.0, 2.4), (2.4, 2.8), (5.0, 5.4))) == [
            (0.0, 2.0),
            (2.8, 5.0),
            (5.4, 10.0),
        ]

    def test_is_not_what_is_shorter_than_a_sentence(self) -> None:
        assert wordless([(0.0, 0.9)], []) == []
        assert wordless([(0.0, LEAST)], []) == [(0.0, LEAST)]
        assert wordless([(0.0, 0.9), (1.2, 2.1)], []) == []

    def test_is_under_a_word_of_many_seconds(self) -> None:
        assert wordless([(0.0, 5.0)], words((0.0, 5.0))) == [(0.6, 4.4)]

    def test_is_not_under_a_long_number(self) -> None:
        assert wordless([(0.0, 6.0)], words((0.0, 6.0), text="13854964069")) == []

    @given(spans, spans)
    def test_is_speech_and_holds_no_word(
        self, speech: list[tuple[float, float]], said: list[tuple[float, float]]
    ) -> None:
        heard = [Word("好", start, end) for start, end in said]
        for start, end in wordless(speech, heard):
            assert end - start >= LEAST
            assert any(begin <= start and end <= until for begin, until in speech)
            assert not any(start < word.start < end or start < word.end < end for word in heard)


class TestParts:
    """Speech is a hum here, and silence is none."""

    def hum(self, *lengths: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Hum for some seconds each, with 0.15 s of silence between."""
        silence = np.zeros(int(0.15 * SAMPLE_RATE), dtype=np.float32)
        pieces = [np.sin(np.arange(int(length * SAMPLE_RATE)) / 20).astype(np.float32) for length in lengths]
        return np.concatenate([piece for one in pieces for piece in (one, silence)])

    def test_are_cut_at_pauses(self) -> None:
        cut = parts(self.hum(1.0, 1.0, 1.0), 5.0, (5.0, 8.3))
        assert [end for _, end in cut] == pytest.approx([6.07, 7.22, 8.3], abs=0.06)

    def test_are_one_where_nobody_pauses(self) -> None:
        assert parts(self.hum(2.0), 5.0, (5.0, 7.0)) == [(5.0, 7.0)]

    @given(st.floats(0.01, 40), st.lists(st.floats(0.1, 3), min_size=1, max_size=9))
    def test_are_all_of_it_one_after_the_other(self, length: float, lengths: list[float]) -> None:
        cut = parts(self.hum(*lengths), 2.0, (2.0, 2.0 + length))
        assert len(cut) <= MOST_PARTS
        assert cut[0][0] == 2.0
        assert all(end == start for (_, end), (start, _) in pairwise(cut))
        if len(cut) < MOST_PARTS:
            assert cut[-1][1] == 2.0 + length
            assert all(SHORTEST_PART - 0.05 <= end - start <= LONGEST_PART + 0.05 for start, end in cut[:-1])
