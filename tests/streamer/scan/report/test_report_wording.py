"""Values as a page writes them."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from streamer.scan.report import wording
from streamer.scan.report.texts import TEXTS, filled


class TestATextOfThePage:
    @pytest.mark.parametrize("key", TEXTS)
    def test_takes_the_same_values_in_both_languages(self, key: str) -> None:
        english, chinese = (set(re.findall(r"\{(\w+)", text)) for text in TEXTS[key])
        assert english == chinese

    def test_has_the_word_for_its_number(self) -> None:
        assert filled("{n} {n#call|calls}", {"n": "1"}) == "1 call"
        assert filled("{n} {n#call|calls}", {"n": "2"}) == "2 calls"

    @given(st.text())
    def test_takes_values_as_they_are(self, value: str) -> None:
        assert filled("a {x} b", {"x": value}) == f"a {value} b"


class TestWhatOthersWrote:
    @given(st.text())
    def test_hides_nothing(self, text: str) -> None:
        shown = wording.shown(text)
        assert not any(
            unicodedata.bidirectional(sign) in {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "PDF"} for sign in shown
        )
        shown.encode("utf-8")

    def test_shows_what_turns_the_direction_of_text_and_halves_of_characters(self) -> None:
        assert wording.shown("invoice\u202egpj.exe \udcff\x00") == "invoice\\u202egpj.exe \\xff\\x00"
        assert wording.shown("李娜 – naïve 😀") == "李娜 – naïve 😀"

    @given(st.text())
    def test_is_text_in_a_text_and_in_an_attribute(self, value: str) -> None:
        said = str(wording.say("heard", heard=value + '"><script>'))
        assert "<script>" not in said
        assert said.count("<") == 2
        assert str(escape(wording.shown(value))) in said


@pytest.mark.parametrize(
    ("part", "written"), [(None, "–"), (1.0, "100%"), (0.99999, "99.9%"), (0.4, "40.0%"), (0.0, "0.0%")]
)
def test_a_share_is_never_whole_where_something_is_missing(part: float | None, written: str) -> None:
    assert wording.share(part) == written
    if part is not None and part < 1:
        assert wording.rest(part) != "0.0%"


@pytest.mark.parametrize(("seconds", "written"), [(0.0, "0:00"), (67.9, "1:07"), (3725.0, "1:02:05"), (-1.0, "0:00")])
def test_a_place_is_written_as_a_clock_shows_it(seconds: float, written: str) -> None:
    assert wording.place(seconds) == written


@pytest.mark.parametrize(("seconds", "written"), [(36.0, "0.01"), (7200.0, "2.0"), (3.6e6, "1,000")])
def test_hours_are_as_exact_as_is_of_use(seconds: float, written: str) -> None:
    assert wording.hours(seconds) == written


def test_numbers_in_names_are_masked_since_a_report_is_passed_on() -> None:
    assert wording.named("rec/13812345678_\u202e.wav") == f"rec/{'＊' * 11}_\\u202e.wav"
    assert wording.named("rec/20261128-093000-0001.wav") == "rec/20261128-093000-0001.wav"
