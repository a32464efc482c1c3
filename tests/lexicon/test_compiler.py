"""From a lexicon to its table: one language, each phrase once."""

from __future__ import annotations

from lexicon.compiler import Role, compile_lexicon
from lexicon.types import Lexicon, Near, Rule, Severity


def lexicon(*rules: Rule) -> Lexicon:
    return Lexicon("test", "test@0", rules)


def rule(name: str, *terms: str, language: str = "zh", allow: tuple[str, ...] = (), near: Near | None = None) -> Rule:
    return Rule(name, "category", Severity.BLOCK, terms, language, allow=allow, near=near)


class TestATable:
    def test_holds_the_rules_of_its_language_only(self) -> None:
        both = lexicon(rule("zh", "保本"), rule("en", "risk free", language="en"))
        assert [one.id for one in compile_lexicon(both, "zh").rules] == ["zh"]
        assert compile_lexicon(both, "en").phrases == (" risk free ",)

    def test_of_no_rule_finds_nothing(self) -> None:
        table = compile_lexicon(lexicon(rule("zh", "保本")), "en")
        assert table.automata == ()

    def test_holds_each_phrase_once_with_every_use_of_it(self) -> None:
        table = compile_lexicon(lexicon(rule("a", "保本", "保、本"), rule("b", "不保本", allow=("保本",))), "zh")
        assert table.phrases == ("保本", "不保本")
        assert [(use.rule, use.role, use.phrase) for use in table.uses[0]] == [
            (0, Role.TERM, "保本"),
            (1, Role.ALLOW, "保本"),
        ]

    def test_reaches_over_the_longest_phrase_and_the_widest_gap(self) -> None:
        table = compile_lexicon(lexicon(rule("a", "绝对", near=Near(("保本保收益",), within=20))), "zh")
        assert table.longest == 5
        assert table.reach > 20 + 5 + 2
