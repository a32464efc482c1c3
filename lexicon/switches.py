"""A deployment's own grading of rules, without an edit to the files that ship. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from lexicon.types import Lexicon, Severity

OFF = "off"


class UnknownRule(ValueError):
    """A switch names a rule that no lexicon has.

    Attributes:
      rule_id: as it was named.
    """

    def __init__(self, rule_id: str) -> None:
        super().__init__(f"no lexicon has a rule {rule_id}")
        self.rule_id = rule_id


def switched(lexicon: Lexicon, switches: Mapping[str, str]) -> Lexicon:
    """Switch rules off, or give them another severity; the version says that it was done.

    Args:
      switches: `off` or a severity, by rule id.

    Raises:
      UnknownRule: a switch is for no rule.
    """
    if not switches:
        return lexicon
    known = {rule.id for rule in lexicon.rules}
    for rule_id in switches:
        if rule_id not in known:
            raise UnknownRule(rule_id)
    rules = tuple(
        replace(rule, severity=Severity(switches[rule.id])) if rule.id in switches else rule
        for rule in lexicon.rules
        if switches.get(rule.id) != OFF
    )
    mark = hashlib.sha256(repr(sorted(switches.items())).encode()).hexdigest()[:8]
    return replace(lexicon, version=f"{lexicon.version}~{mark}", rules=rules)
