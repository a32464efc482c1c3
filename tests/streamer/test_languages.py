"""What a tag of a language means, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.languages import CHINESE, NotALanguage, language_of, told


class TestATag:
    @pytest.mark.parametrize(
        "tag",
        [
            "zh",
            "ZH",
            " zh ",
            "zh-CN",
            "zh_CN",
            "zh_CN.UTF-8",
            "zh_CN.GB18030@stroke",
            "zh-Hans",
            "zh-Hans-CN",
            "zh_Hans_CN",
            "zh-Hans-CN.UTF-8",
            "zh-TW",
            "zh-SG",
            "zh-cmn",
            "zh-cmn-Hans-CN",
            "zh-guoyu",
            "cmn",
            "cmn-CN",
            "cmn-Hans-CN",
            "CMN_hans_cn",
            "zho",
            "chi",
            "zh-u-co-pinyin",
            "zh-CN-x-bank",
            "Mandarin",
            "普通话",
            "國語",
            "简体中文",
            "zh-CHS",
            "zh-CHT",
            "cn",
        ],
    )
    def test_is_mandarin(self, tag: str) -> None:
        assert language_of(tag) == "zh"

    @pytest.mark.parametrize("tag", ["en", "EN", "en-US", "en_GB", "en_US.UTF-8", "eng", "eng-US", "en-x-b", "English"])
    def test_is_english(self, tag: str) -> None:
        assert language_of(tag) == "en"

    @pytest.mark.parametrize(
        "tag", [None, "", "  ", "und", "UND-Latn", "mul", "zxx", "mis", "*", "C", "C.UTF-8", "any", "auto"]
    )
    def test_that_says_nothing_is_none(self, tag: str | None) -> None:
        assert language_of(tag) is None

    @pytest.mark.parametrize(
        ("tag", "language"),
        [
            ("yue", "yue"),
            ("Cantonese", "yue"),
            ("粤语", "yue"),
            ("i-hak", "hak"),
            ("yue-Hant-HK", "yue"),
            ("zh-yue", "yue"),
            ("zh-yue-HK", "yue"),
            ("wuu-CN", "wuu"),
            ("zh-wuu", "wuu"),
            ("nan-TW", "nan"),
            ("zh-min-nan", "nan"),
            ("zh-hakka", "hak"),
        ],
    )
    def test_of_another_chinese_language_is_never_taken_for_mandarin(self, tag: str, language: str) -> None:
        assert language_of(tag) == language
        assert CHINESE[language] in told(language)
        assert "not Mandarin" in told(language)

    @pytest.mark.parametrize(("tag", "language"), [("fr-FR", "fr"), ("de_CH", "de"), ("ja", "ja"), ("ar-arb", "ar")])
    def test_of_any_other_is_what_it_says(self, tag: str, language: str) -> None:
        assert language_of(tag) == language
        assert told(language) == repr(language)

    @pytest.mark.parametrize(
        "tag", ["Chinese!", "../zh", "zh/../en", "z", "zh-", "zh--CN", "x-bank", "123", "zh CN", "zh\n"]
    )
    def test_that_is_none_is_not_guessed(self, tag: str) -> None:
        if tag == "zh\n":
            assert language_of(tag) == "zh"
            return
        with pytest.raises(NotALanguage):
            language_of(tag)

    @given(st.text(max_size=30))
    def test_is_a_code_or_none_or_no_language(self, tag: str) -> None:
        try:
            language = language_of(tag)
        except NotALanguage:
            return
        assert language is None or (2 <= len(language) <= 3 and language.isascii() and language.islower())

    @given(
        st.sampled_from(["zh", "cmn", "zho", "en", "eng", "yue"]),
        st.lists(st.from_regex(r"[A-Za-z]{4}|[A-Za-z]{2}|[0-9]{3}|[a-z0-9]{5,8}", fullmatch=True), max_size=4),
        st.sampled_from(["-", "_"]),
    )
    def test_means_the_same_whatever_follows_and_however_it_is_written(
        self, primary: str, rest: list[str], between: str
    ) -> None:
        tag = between.join([primary, *rest])
        assert language_of(tag) == language_of(tag.upper()) == language_of(primary)
