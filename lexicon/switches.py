"""A deployment's own grading of rules, without an edit to the files that ship. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from lexicon.types import Lexicon, Severity

OFF = "off"


class SwitchError(ValueError):
    """A switch that can't be carried out.

    Attributes:
      rule_id: as it was named.
      problem: what is wrong with it.
    """

    def __init__(self, rule_id: str, problem: str, message: str) -> None:
        super().__init__(message)
        self.rule_id = rule_id
        self.problem = problem


class UnknownRule(SwitchError):
    """A switch names a rule that no lexicon has."""

    def __init__(self, rule_id: str) -> None:
        super().__init__(rule_id, "is no rule of any lexicon here", f"no lexicon has a rule {rule_id}")


class NothingToBlock(SwitchError):
    """A switch would have a rule with a metric block."""

    def __init__(self, rule_id: str) -> None:
        problem = "can't block: when a metric is measured, nothing is left to stop"
        super().__init__(rule_id, problem, f"rule {rule_id} {problem}")


def switched(lexicon: Lexicon, switches: Mapping[str, str]) -> Lexicon:
    """Switch rules off, or give them another severity; the version says that it was done.

    Args:
      switches: `off` or a severity, by rule id.

    Raises:
      UnknownRule: a switch is for no rule.
      NothingToBlock: one would have a rule with a metric block.
    """
    if not switches:
        return lexicon
    known = {rule.id: rule for rule in lexicon.rules}
    for rule_id, switch in switches.items():
        if rule_id not in known:
            raise UnknownRule(rule_id)
        if switch == Severity.BLOCK and known[rule_id].metric is not None:
            raise NothingToBlock(rule_id)
    rules = tuple(
        replace(rule, severity=Severity(switches[rule.id])) if rule.id in switches else rule
        for rule in lexicon.rules
        if switches.get(rule.id) != OFF
    )
    mark = hashlib.sha256(repr(sorted(switches.items())).encode()).hexdigest()[:8]
    return replace(lexicon, version=f"{lexicon.version}~{mark}", rules=rules)
