"""Pronunciations: units that weights can be trained on, and the ways in which people say a phrase."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexicon import phonetic
from lexicon.loader import load, shipped
from lexicon.pronunciation import BLANK, MOST, inventory, pronounce, read_sounds, written

HUMMED = {"m", "n", "ng", "hng"}


def said(phrase: str, language: str = "zh") -> list[str]:
    return [written(code, language) for code in pronounce(phrase, language)]


def common_characters() -> list[str]:
    """List the 3,755 characters of GB 2312's first level, which are those in daily use."""
    rows = ((lead, trail) for lead in range(0xB0, 0xD8) for trail in range(0xA1, 0xFF))
    return [char for row in rows if (char := bytes(row).decode("gb2312", "ignore"))]


class TestTheInventory:
    def test_of_mandarin_has_every_syllable_of_the_characters_in_daily_use(self) -> None:
        first = {phonetic.readings()[ord(char)][0] for char in common_characters()}
        assert first - HUMMED <= set(inventory("zh") or ())

    def test_of_mandarin_has_no_syllable_that_no_character_is_read_as(self) -> None:
        known = {reading for readings in phonetic.readings().values() for reading in readings}
        assert set(inventory("zh") or ()) <= known - HUMMED

    def test_is_sorted_and_never_changes_since_weights_depend_on_it(self) -> None:
        zh, en = inventory("zh") or (), inventory("en") or ()
        assert (len(zh), list(zh)) == (409, sorted(set(zh)))
        assert "".join(en) == " abcdefghijklmnopqrstuvwxyz"

    def test_is_none_for_other_languages(self) -> None:
        assert inventory("fr") is None
        assert pronounce("bonjour", "fr") == ()


class TestChinese:
    @pytest.mark.parametrize(
        ("phrase", "ways"),
        [
            ("保本保收益", ["bao ben bao shou yi"]),
            ("預期收益率", ["yu qi shou yi lv"]),
            ("银行兜底", ["yin hang dou di"]),
            ("我行兜底", ["wo xing dou di", "wo hang dou di"]),
            ("一定都会涨", ["yi ding dou hui zhang"]),
            ("不还钱", ["bu huan qian", "bu hai qian"]),
            ("P2P", ["pi er pi"]),
            ("T＋0", ["ti jia ling"]),
            ("下载App", ["xia zai ei pi pi", "xia zai a pu"]),
            ("2个月", ["liang ge yue", "er ge yue"]),
            ("2月", ["er yue"]),
            ("两百万", ["liang bai wan", "er bai wan"]),
            ("十二万", ["shi er wan"]),
            ("110", ["yi bai yi shi", "yao yao ling", "yi yi ling"]),
            ("95588", ["jiu wu wu ba ba", "jiu wan wu qian wu bai ba shi ba"]),
            ("10%", ["bai fen zhi shi"]),
            ("百分百安全", ["bai fen bai an quan", "bai fen zhi bai an quan", "bai fen zhi yi bai an quan"]),
            ("120%", ["bai fen zhi yi bai er shi"]),
            ("3.125", ["san dian yi er wu"]),
        ],
    )
    def test_is_said(self, phrase: str, ways: list[str]) -> None:
        assert said(phrase) == ways

    def test_of_years_begins_with_the_digits(self) -> None:
        assert said("2024年")[0] == "er ling er si nian"

    @pytest.mark.parametrize("phrase", ["", "，。", "blockchain", "保本ж", "嗯"])
    def test_that_cannot_be_said_has_no_pronunciation(self, phrase: str) -> None:
        assert pronounce(phrase, "zh") == ()


class TestEnglish:
    @pytest.mark.parametrize(
        ("phrase", "ways"),
        [
            ("Risk-free", ["risk free"]),
            ("can't lose", ["can t lose", "cannot lose"]),
            ("cannot lose", ["cannot lose", "can t lose"]),
            ("we’ll pay", ["we ll pay", "we will pay"]),
            ("the customer's money", ["the customers money"]),
            ("100% safe", ["one hundred percent safe", "a hundred percent safe"]),
            ("read me the CVV", ["read me the c v v", "read me the cvv"]),
            ("your PIN", ["your pin", "your p i n"]),
            ("café", ["cafe"]),
            (" not ", ["not", "n t"]),
        ],
    )
    def test_is_said(self, phrase: str, ways: list[str]) -> None:
        assert said(phrase, "en") == ways

    @pytest.mark.parametrize("phrase", ["", "...", "保本"])
    def test_that_cannot_be_said_has_no_pronunciation(self, phrase: str) -> None:
        assert pronounce(phrase, "en") == ()


@pytest.mark.parametrize("language", ["zh", "en"])
@given(phrase=st.text(max_size=30) | st.text("保本行了2百一 1023.%+AbCp'", max_size=12))
def test_any_phrase_has_a_few_distinct_pronunciations_of_known_units(language: str, phrase: str) -> None:
    codes = pronounce(phrase, language)
    units = inventory(language) or ()
    assert len(codes) == len(set(codes)) <= MOST
    assert all(BLANK < number <= len(units) for code in codes for number in code)
    assert all(codes)
    for code in codes:
        assert read_sounds(written(code, language), language) == code


def test_every_phrase_that_ships_can_be_said() -> None:
    rules = load(shipped()).rules
    phrases = {(phrase, rule.language) for rule in rules for phrase in (*rule.terms, *rule.allow)}
    assert [phrase for phrase in phrases if not pronounce(*phrase)] == []


@pytest.mark.parametrize(
    ("sounds", "language", "problem"),
    [
        ("bao3 ben3", "zh", "'bao3' is no syllable; write pinyin without tones"),
        ("baoben", "zh", "'baoben' is no syllable"),
        ("pin-code", "en", "'-' is no letter from a to z"),
        ("  ", "zh", "is empty"),
    ],
)
def test_sounds_that_are_none_are_refused(sounds: str, language: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_sounds(sounds, language)


def test_sounds_may_be_written_with_an_umlaut_and_capitals() -> None:
    assert written(read_sounds("Shou yi lü", "zh"), "zh") == "shou yi lv"
    assert written(read_sounds(" Four Oh  one K", "en"), "en") == "four oh one k"


def test_nothing_is_loaded_until_chinese_is_read() -> None:
    code = "import sys, lexicon.pronunciation as it; it.pronounce('pin', 'en'); print('pypinyin' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
