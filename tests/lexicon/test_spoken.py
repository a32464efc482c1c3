"""How the phrases of rules are said."""

from __future__ import annotations

from lexicon.pronunciation import pronounce, written
from lexicon.spoken import said_by
from lexicon.types import Rule, Severity

RULE = Rule(
    "a", "c", Severity.BLOCK, ("行长", "还款"), "zh", sounds=(("行长", ("hang zhang", "Hang  Zhang", "xing zhang")),)
)


def test_a_rule_may_say_itself_how_a_phrase_is_said() -> None:
    assert [written(code, "zh") for code in said_by(RULE, "行长")] == ["hang zhang", "xing zhang"]


def test_other_phrases_are_said_as_they_are_written() -> None:
    assert said_by(RULE, "还款") == pronounce("还款", "zh")
