"""From a `Lexicon` to the table that a matcher runs on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ahocorasick_rs import AhoCorasick, MatchKind

from lexicon.normalize import fold
from lexicon.sound_index import SoundIndex
from lexicon.sounds import sounds_of
from lexicon.spoken import Spoken, as_spoken
from lexicon.types import Lexicon, Rule

WORD = 16
"""Characters to an English word, at most, where a distance is told in words."""
SHARD = 2000
"""Phrases in one automaton, at most. Building one holds Python's lock all the while: so many take 3 ms."""


class Role(IntEnum):
    """What a phrase is to a rule."""

    TERM = 0
    ALLOW = 1
    NEAR = 2


@dataclass(frozen=True, slots=True)
class Use:
    """One rule's use of a phrase.

    Attributes:
      rule: index into the table's rules.
      phrase: as in the lexicon.
    """

    rule: int
    role: Role
    phrase: str


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rules of one language, ready to be matched; shared by all its calls.

    Attributes:
      phrases: folded, each once.
      automata: over `SHARD` phrases each, in order.
      uses: for each phrase, every rule's use of it.
      allowed: for each rule, its folded allow phrases.
      longest: characters in the longest phrase.
      reach: folded characters before the end of the text that may still matter to what follows.
      sounds: the terms by their sound, where the language is written by it; None elsewhere.
      sounding: the use that each number in `sounds` stands for.
      spoken: the phrases as they are said, by their number in `phrases`; None where nobody listens for sounds.
    """

    language: str
    rules: tuple[Rule, ...]
    phrases: tuple[str, ...]
    uses: tuple[tuple[Use, ...], ...]
    allowed: tuple[tuple[str, ...], ...]
    automata: tuple[AhoCorasick, ...]
    longest: int
    reach: int
    sounds: SoundIndex | None
    sounding: tuple[Use, ...]
    spoken: Spoken | None


def compile_lexicon(lexicon: Lexicon, language: str) -> Table:
    """Build the table of one language's rules; those of other languages are left out."""
    rules = tuple(rule for rule in lexicon.rules if rule.language == language)
    uses: dict[str, list[Use]] = {}
    spellings: dict[str, list[tuple[Rule, str]]] = {}
    for index, rule in enumerate(rules):
        near = rule.near.any if rule.near else ()
        for role, phrases in ((Role.TERM, rule.terms), (Role.ALLOW, rule.allow), (Role.NEAR, near)):
            for phrase in phrases:
                use = Use(index, role, phrase)
                folded = fold(phrase, language).text
                known = uses.setdefault(folded, [])
                spellings.setdefault(folded, []).append((rule, phrase))
                # A phrase spelled twice in different ways is one phrase.
                if (index, role) not in [(other.rule, other.role) for other in known]:
                    known.append(use)
    phrases = tuple(uses)
    sounds = sounds_of(language)
    sounding = [(phrase, use) for phrase, known in uses.items() for use in known if use.role is Role.TERM]
    longest = max(map(len, phrases), default=0)
    widest = max((rule.near.within for rule in rules if rule.near), default=0)
    return Table(
        language=language,
        rules=rules,
        phrases=phrases,
        uses=tuple(tuple(known) for known in uses.values()),
        allowed=tuple(tuple(fold(phrase, language).text for phrase in rule.allow) for rule in rules),
        # Every match counts, also one inside another: which of them matters is for the detector to say.
        automata=tuple(
            AhoCorasick(phrases[at : at + SHARD], matchkind=MatchKind.Standard) for at in range(0, len(phrases), SHARD)
        ),
        longest=longest,
        reach=1 + 3 * longest + widest * (WORD if language == "en" else 1),
        sounds=SoundIndex(sounds, [phrase for phrase, _ in sounding]) if sounds else None,
        sounding=tuple(use for _, use in sounding),
        spoken=as_spoken(language, spellings),
    )
