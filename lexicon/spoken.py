"""What is listened for in the sounds themselves: the phrases of rules, as they are said. Pure."""

from __future__ import annotations

from lexicon.pronunciation import Code, pronounce, read_sounds
from lexicon.types import Rule


def said_by(rule: Rule, phrase: str) -> tuple[Code, ...]:
    """Give the ways to say a phrase of a rule: those that the rule gives itself, else those that are known."""
    own = dict(rule.sounds).get(phrase)
    if own is None:
        return pronounce(phrase, rule.language)
    return tuple(dict.fromkeys(read_sounds(way, rule.language) for way in own))
