"""From tokens to words with times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.words import TimedToken, to_words


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
