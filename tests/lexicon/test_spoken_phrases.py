"""How the phrases of rules are said, and what denies them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from lexicon.negation import Cue
from lexicon.pronunciation import pronounce, written
from lexicon.spoken import Spoken, said_by
from lexicon.types import Lexicon, Near, Rule, Severity


def rule(name: str, *terms: str, allow: Sequence[str] = (), near: Near | None = None, sounds: str = "") -> Rule:
    own = ((terms[0], (sounds,)),) if sounds else ()
    return Rule(name, "c", Severity.BLOCK, terms, "zh", allow=tuple(allow), near=near, sounds=own)


def spoken(*rules: Rule) -> dict[str, list[str]]:
    """Compile rules, and give by phrase the ways in which it is said."""
    table = compile_lexicon(Lexicon("x", "x@0", rules), "zh")
    assert table.spoken is not None
    assert table.spoken.phrases == len(table.phrases)
    return {phrase: said(table.spoken, number) for number, phrase in enumerate(table.phrases)}


def said(spoken: Spoken, owner: int) -> list[str]:
    pairs = zip(spoken.codes, spoken.owners, strict=True)
    return [written(code, spoken.language) for code, of in pairs if of == owner]


class TestARule:
    RULE = Rule(
        "a", "c", Severity.BLOCK, ("行长",), "zh", sounds=(("行长", ("hang zhang", "Hang  Zhang", "xing zhang")),)
    )

    def test_may_say_itself_how_a_phrase_is_said(self) -> None:
        assert [written(code, "zh") for code in said_by(self.RULE, "行长")] == ["hang zhang", "xing zhang"]

    def test_has_its_other_phrases_said_as_they_are_written(self) -> None:
        assert said_by(self.RULE, "还款") == pronounce("还款", "zh")


class TestATable:
    def test_has_terms_allow_phrases_and_neighbours_said(self) -> None:
        assert spoken(rule("a", "保本", allow=["不保本"], near=Near(("收益",), 8))) == {
            "保本": ["bao ben"],
            "不保本": ["bu bao ben"],
            "收益": ["shou yi"],
        }

    def test_has_what_is_written_in_several_ways_said_in_each(self) -> None:
        # Folded they are one phrase.
        assert spoken(rule("a", "T+0", "T 0")) == {"t零": ["ti jia ling", "ti ling"]}

    def test_has_a_phrase_of_several_rules_said_as_one_of_them_says(self) -> None:
        assert spoken(rule("a", "本行"), rule("b", "本行", sounds="ben xing")) == {"本行": ["ben xing"]}

    def test_keeps_a_phrase_that_cannot_be_said(self) -> None:
        assert spoken(rule("a", "blockchain", "保本")) == {"blockchain": [], "保本": ["bao ben"]}

    @pytest.mark.parametrize(("language", "cue"), [("zh", "不能"), ("en", " never ")])
    def test_has_its_language_s_cues_after_its_phrases(self, language: str, cue: str) -> None:
        table = compile_lexicon(load(shipped()), language)
        assert table.spoken is not None
        number = table.spoken.cues.index((cue, Cue.BEFORE))
        assert pronounce(cue, language) == tuple(
            code
            for code, owner in zip(table.spoken.codes, table.spoken.owners, strict=True)
            if owner == table.spoken.phrases + number
        )

    def test_of_a_language_that_is_not_listened_to_has_none(self) -> None:
        assert compile_lexicon(Lexicon("x", "x@0", ()), "fr").spoken is None
