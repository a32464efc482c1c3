"""From tokens to words with times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.words import TimedToken, placed, to_words


def tokens(*texts: str) -> list[TimedToken]:
    return [TimedToken(text, i * 1.0, i + 1.0, 0.5) for i, text in enumerate(texts)]


def texts(*pieces: str) -> list[str]:
    return [word.text for word in to_words(tokens(*pieces), 0.0, 100.0)]


def test_a_chinese_character_is_a_word_with_its_share_of_the_time() -> None:
    words = to_words(tokens("保本", "吗"), 10.0, 100.0)
    assert [(word.text, word.start, word.end) for word in words] == [
        ("保", 10.0, 10.5),
        ("本", 10.5, 11.0),
        ("吗", 11.0, 12.0),
    ]


def test_english_tokens_join_up_to_the_next_space() -> None:
    assert texts(" guaran", "teed", " return") == [" guaranteed", " return"]


def test_a_hyphen_ends_a_word_as_a_space_does() -> None:
    assert texts(" risk", "-free", " and", " well-", "-", "known") == [" risk", "-free", " and", " well", "-known"]


def test_languages_mix() -> None:
    assert texts("用", "APP", "买") == ["用", "APP", "买"]


def test_punctuation_goes_with_the_word_before_it_and_takes_no_time() -> None:
    (word, _) = to_words(tokens("本", "，", "好"), 0.0, 100.0)
    assert (word.text, word.end) == ("本，", 1.0)


def test_no_word_is_placed_outside_its_window() -> None:
    assert to_words(tokens("保", "本"), 5.0, 6.5)[-1].end == 6.5


@given(st.lists(st.text(max_size=6), max_size=10))
def test_nothing_that_was_said_is_lost(pieces: list[str]) -> None:
    joined = "".join(texts(*pieces))
    assert [c for c in joined if c.isalnum()] == [c for c in "".join(pieces) if c.isalnum()]


class TestAnotherReading:
    first = to_words(
        [TimedToken(char, i * 0.2, (i + 1) * 0.2, 0.9) for i, char in enumerate("这个稳妥的产品")], 0.0, 9.0
    )

    def test_is_placed_by_what_both_have(self) -> None:
        other = placed("这个保本的产品。", self.first)
        assert [word.text for word in other] == [*"这个保本的产", "品。"]
        assert [round(word.start, 2) for word in other] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]

    def test_shares_the_time_of_what_differs(self) -> None:
        other = placed("这个很稳定可靠的产品", self.first)
        assert other[2].start == pytest.approx(0.4)
        assert other[6].end == pytest.approx(0.8)

    @given(st.text("这个稳妥的产品 保本abc，", max_size=12))
    def test_lies_within_the_first_and_in_order(self, text: str) -> None:
        other = placed(text, self.first)
        times = [round(time, 6) for word in other for time in (word.start, word.end)]
        assert times == sorted(times)
        assert all(0.0 <= time <= 1.4 + 1e-6 for time in times)
