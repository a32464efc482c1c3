"""What is wrong with a lexicon that can be read: rules that can't do what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lexicon.normalize import fold
from lexicon.types import Lexicon, Rule, Severity


def problems(lexicon: Lexicon) -> Iterator[str]:
    """Give each problem as a sentence that names the rule and says what would be right."""
    owners: dict[tuple[str, str], str] = {}
    for rule in lexicon.rules:
        if rule.metric is not None:
            yield from _of_metric(rule, owners)
            continue
        yield from _of_terms(rule, owners)
        yield from _of_allow_phrases(rule)
        if rule.severity is Severity.BLOCK and rule.required is None and not rule.say_instead:
            yield f"rule {rule.id} blocks and has no say_instead; give the agent a sentence"


def _of_metric(rule: Rule, owners: dict[tuple[str, str], str]) -> Iterator[str]:
    owner = owners.setdefault((str(rule.metric), f"{rule.channel} {rule.language}"), rule.id)
    if owner != rule.id:
        yield f"rule {rule.id} sets the same bound as {owner}; leave one out"


def _of_terms(rule: Rule, owners: dict[tuple[str, str], str]) -> Iterator[str]:
    allowed = [fold(phrase, rule.language).text for phrase in rule.allow]
    silent = 0
    for term in rule.terms:
        folded = fold(term, rule.language).text
        key = (folded, f"{rule.channel} {rule.required is None} {rule.near}")
        if key in owners:
            yield f"rule {rule.id}: {term} is a term of {owners[key]} already; leave one out"
        owners.setdefault(key, rule.id)
        if folded in allowed:
            yield f"rule {rule.id}: {term} is in its own allow list, and never counts; take it out of one"
            silent += 1
    if silent == len(rule.terms):
        yield f"rule {rule.id} can never fire: its allow list holds all of its terms"


def _of_allow_phrases(rule: Rule) -> Iterator[str]:
    terms = [fold(term, rule.language).text for term in rule.terms]
    for phrase in rule.allow:
        folded = fold(phrase, rule.language).text
        if not any(term in folded for term in terms):
            yield f"rule {rule.id}: the allow phrase {phrase} holds none of its terms, and allows nothing"
