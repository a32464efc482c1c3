"""How fast somebody speaks: what counts as a unit, what as speech, and where it is fastest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.pace import LEAST, REMEMBERED, STRETCH, WORDLESS, Pace, units
from detector.types import Stretch, Word


def spoken(start: float, end: float, rate: float) -> list[Word]:
    """Speak Chinese for so long, at so many characters a second."""
    count = round((end - start) * rate)
    return [Word("字", start + number / rate, start + (number + 1) / rate) for number in range(count)]


def pace(*spells: tuple[float, float, float], language: str = "zh") -> Pace:
    """Let somebody speak: from, to, characters a second."""
    one = Pace(language)
    for start, end, rate in spells:
        one.began(start)
        one.ended(end)
        one.heard(spoken(start, end, rate))
    one.finish()
    return one


class TestAUnit:
    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("保本", 2),
            ("收益，", 2),
            ("嗯", 0),
            ("20%", 5),
            ("2000元", 3),
            ("3.5", 3),
            ("iPhone", 1),
            ("买APP吗", 3),
            ("理財產品", 4),
            ("", 0),
            ("……", 0),
        ],
    )
    def test_of_chinese_is_a_character_as_it_is_said(self, text: str, count: int) -> None:
        assert units(text, "zh") == count

    @pytest.mark.parametrize(
        ("text", "count"),
        [(" guaranteed", 1), (" don't", 1), (" 2000", 2), (" 5%,", 2), (" risk free.", 2), (" —", 0), ("", 0)],
    )
    def test_of_english_is_a_word_as_it_is_said(self, text: str, count: int) -> None:
        assert units(text, "en") == count


class TestAPace:
    def test_is_what_was_said_in_a_minute_of_own_speech(self) -> None:
        one = pace((0.0, 30.0, 4.0), (100.0, 130.0, 6.0))
        assert one.mean == pytest.approx(300.0, rel=0.01)

    def test_leaves_out_the_silence_between(self) -> None:
        spells = [(start, start + 1.0, 4.0) for start in range(0, 200, 10)]
        assert pace(*spells).mean == pytest.approx(240.0, rel=0.01)

    def test_leaves_out_the_silence_that_a_word_reaches_into(self) -> None:
        """Alignments do that with the last word before a pause."""
        one = Pace("zh")
        for start in range(0, 200, 10):
            one.began(start)
            one.ended(start + 1.0)
            *before, last = spoken(start, start + 1.0, 4.0)
            one.heard([*before, replace(last, end=start + 2.5)])
        assert one.mean == pytest.approx(240.0, rel=0.01)

    def test_leaves_out_speech_that_nothing_was_understood_of(self) -> None:
        """Lost to recognition, or music: what comes after is no slower for it."""
        one = Pace("zh")
        one.began(0.0)
        one.ended(200.0)
        one.heard([*spoken(0.0, 20.0, 5.0), *spoken(180.0, 200.0, 5.0)])
        assert one.mean == pytest.approx(200 * 60 / (40 + WORDLESS), rel=0.01)

    def test_is_not_told_of_a_few_words(self) -> None:
        assert pace((0.0, LEAST - 0.5, 4.0)).mean is None
        assert pace((0.0, LEAST - 0.5, 4.0)).fastest is None
        assert pace((0.0, LEAST + 0.5, 4.0)).mean == pytest.approx(240.0, rel=0.01)

    def test_can_be_told_of_words_while_their_speech_goes_on(self) -> None:
        one = Pace("zh")
        one.began(0.0)
        one.heard(spoken(0.0, 20.0, 5.0))
        assert one.mean == pytest.approx(300.0, rel=0.01)

    def test_does_not_depend_on_how_the_words_came(self) -> None:
        words = [*spoken(0.0, 20.0, 5.0), *spoken(25.0, 60.0, 7.0)]
        at_once, one_by_one = Pace("zh"), Pace("zh")
        for one in (at_once, one_by_one):
            for start, end in ((0.0, 20.0), (25.0, 60.0)):
                one.began(start)
                one.ended(end)
        at_once.heard(words)
        for word in words:
            one_by_one.heard([word])
        assert (at_once.mean, at_once.fastest) == (one_by_one.mean, one_by_one.fastest)

    def test_forgets_spells_that_no_word_can_be_in_any_more(self) -> None:
        one = Pace("zh")
        for number in range(REMEMBERED * 4):
            one.began(number * 1.0)
            one.ended(number + 0.5)
            one.heard(spoken(number, number + 0.5, 4.0))
        assert one.mean == pytest.approx(240.0, rel=0.01)


class TestTheFastestStretch:
    def test_is_found_in_a_slow_call(self) -> None:
        one = pace((0.0, 100.0, 3.0), (110.0, 140.0, 7.0), (150.0, 300.0, 3.0))
        assert one.fastest is not None
        assert one.fastest.pace == pytest.approx(420.0, rel=0.01)
        assert (one.fastest.place.start, one.fastest.place.end) == pytest.approx((110.0, 140.0), abs=0.4)

    def test_may_have_pauses(self) -> None:
        one = pace((0.0, 60.0, 3.0), (100.0, 115.0, 6.0), (200.0, 215.0, 6.0), (300.0, 360.0, 3.0))
        assert one.fastest is not None
        assert one.fastest.pace == pytest.approx(360.0, rel=0.01)
        assert (one.fastest.place.start, one.fastest.place.end) == pytest.approx((100.0, 215.0), abs=0.4)

    def test_is_all_that_was_said_where_that_is_short(self) -> None:
        one = pace((5.0, 5.0 + STRETCH / 2, 4.0))
        assert one.fastest is not None
        assert one.fastest.pace == one.mean
        assert one.fastest.place == Stretch(5.0, 5.0 + STRETCH / 2)
