"""Which disclosures were made in a call, and which are missing at its end. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from detector.hearing import Finding
from detector.types import Missing
from lexicon.types import Rule

SAID_BY_SOUND = 0.1
"""Distance up to which a disclosure counts as made: here the kinder reading is the safe one."""


class Disclosures:
    """The disclosures of one call.

    Args:
      rules: of the call's language; those that require nothing are left out.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._wanted = [rule for rule in rules if rule.required is not None]
        self._said: dict[str, float] = {}

    def heard(self, finding: Finding) -> None:
        """Take in where a disclosure stands in what was heard: the first time counts."""
        # What some look heard word for word was said, whatever the others made of it: the kinder reading, too.
        if finding.exact or (finding.committed and finding.distance <= SAID_BY_SOUND):
            self._said.setdefault(finding.rule.id, finding.end)

    def missing(self) -> list[Missing]:
        """Give those that were not made, or not in time."""
        missing = []
        for rule in self._wanted:
            assert rule.required is not None
            # Words are placed within the call, but for a sample's rounding; by its end is whenever they were said.
            said, latest = self._said.get(rule.id), rule.required.within
            if said is None or (latest is not None and said > latest):
                missing.append(Missing(rule.id, rule.category, rule.severity, rule.terms, latest))
        return missing
