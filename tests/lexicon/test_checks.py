"""Rules that can't do what they say, and rules switched by a deployment."""

from __future__ import annotations

import pytest

from lexicon.checks import problems
from lexicon.loader import load, parse, shipped
from lexicon.switches import UnknownRule, switched
from lexicon.types import Severity

HEAD = "lexicon: x\nlanguage: zh\nrules:\n"


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("- {id: a, category: c, severity: alert, terms: [保本], allow: [成本]}", "holds none of its terms"),
        ("- {id: a, category: c, severity: alert, terms: [保本, 刚兑], allow: [保本]}", "in its own allow list"),
        ("- {id: a, category: c, severity: alert, terms: [保本], allow: [保 本]}", "can never fire"),
        ("- {id: a, category: c, severity: alert, terms: [保本, 保本！]}", "is a term of a already"),
        ("- {id: a, category: c, severity: block, terms: [保本]}", "has no say_instead"),
    ],
)
def test_problems_are_found_and_named(rules: str, problem: str) -> None:
    assert any(problem in found for found in problems(parse(HEAD + rules, "x.yaml")))


def test_what_ships_has_none() -> None:
    assert list(problems(load(shipped()))) == []


class TestSwitches:
    LEXICON = parse(
        HEAD
        + "- {id: a, category: c, severity: alert, terms: [保本]}\n"
        + "- {id: b, category: c, severity: alert, terms: [刚兑]}",
        "x.yaml",
    )

    def test_turn_rules_off_and_grade_them(self) -> None:
        changed = switched(self.LEXICON, {"a": "off", "b": "block"})
        assert [(rule.id, rule.severity) for rule in changed.rules] == [("b", Severity.BLOCK)]
        assert changed.version.startswith(f"{self.LEXICON.version}~")

    def test_none_change_nothing(self) -> None:
        assert switched(self.LEXICON, {}) is self.LEXICON

    def test_for_no_rule_are_refused(self) -> None:
        with pytest.raises(UnknownRule, match="no lexicon has a rule z"):
            switched(self.LEXICON, {"z": "off"})
