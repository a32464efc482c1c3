"""What is listened for in the sounds themselves: phrases of rules, and what denies them, as they are said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lexicon.negation import Cue, cues
from lexicon.pronunciation import Code, inventory, pronounce, read_sounds
from lexicon.types import Rule


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Spoken:
    """The phrases of a table, and after them a language's cues of denial, as they are said.

    Attributes:
      codes: pronunciations; a phrase may have several, or none.
      owners: for each of them the number of its phrase in the table, or, from `phrases` on, of its cue.
      phrases: how many the table has.
      cues: what denies a phrase, or seems to.
    """

    language: str
    codes: tuple[Code, ...]
    owners: tuple[int, ...]
    phrases: int
    cues: tuple[tuple[str, Cue], ...]


def said_by(rule: Rule, phrase: str) -> tuple[Code, ...]:
    """Give the ways to say a phrase of a rule: those that the rule gives itself, else those that are known."""
    own = dict(rule.sounds).get(phrase)
    if own is None:
        return pronounce(phrase, rule.language)
    return tuple(dict.fromkeys(read_sounds(way, rule.language) for way in own))


def as_spoken(language: str, phrases: Mapping[str, Sequence[tuple[Rule, str]]]) -> Spoken | None:
    """Say the phrases of a table; None in a language that is not listened to so.

    Args:
      phrases: by folded text, in the table's order, each rule that uses it and how it writes it. Where one says how it
        is said, that goes for all of them.
    """
    if inventory(language) is None:
        return None
    said = [_said(uses) for uses in phrases.values()]
    known = tuple(cues(language))
    said += [pronounce(cue, language) for cue, _ in known]
    return Spoken(
        language=language,
        codes=tuple(code for codes in said for code in codes),
        owners=tuple(owner for owner, codes in enumerate(said) for _ in codes),
        phrases=len(phrases),
        cues=known,
    )


def _said(uses: Sequence[tuple[Rule, str]]) -> tuple[Code, ...]:
    own = [(rule, phrase) for rule, phrase in uses if phrase in dict(rule.sounds)]
    return tuple(dict.fromkeys(code for rule, phrase in own or uses for code in said_by(rule, phrase)))
