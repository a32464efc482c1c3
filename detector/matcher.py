"""Which terms of a table stand in a text, and which of them count. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np

from lexicon.compiler import SHARD, Role, Table, Use
from lexicon.normalize import fold
from lexicon.sounds import Codes, sounds_of

CONTEXT = 0.25
ONE = 0.45
"""Costs up to which the sounds around a term are taken for those of an allow phrase: of all on average, and of each."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase in folded text, from `start` up to `end`."""

    use: Use
    start: int
    end: int

    def holds(self, other: Hit) -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Hits:
    """All that one scan found, by what it is to its rule."""

    terms: Sequence[Hit]
    allowed: Sequence[Hit]
    near: Sequence[Hit]


class Standing(Enum):
    """Whether a term that is in the text counts."""

    STANDS = "stands"
    WAITS = "waits"
    FALLS = "falls"


def scan(table: Table, text: str) -> Hits:
    """Find every phrase of the table in folded text, also those inside others."""
    found: dict[Role, list[Hit]] = {role: [] for role in Role}
    for shard, automaton in enumerate(table.automata):
        for phrase, start, end in automaton.find_matches_as_indexes(text, overlapping=True):
            for use in table.uses[shard * SHARD + phrase]:
                found[use.role].append(Hit(use, start, end))
    return Hits(found[Role.TERM], found[Role.ALLOW], found[Role.NEAR])


def standing(table: Table, text: str, hit: Hit, hits: Hits, *, final: bool) -> Standing:
    """Say whether a term's hit stands, as far as the text goes.

    It doesn't while it lies inside an allow phrase of its rule, nor without the phrase that its rule wants near it; it
    waits while what comes next may still make an allow phrase of it. With more text the answer may change.

    Args:
      final: nothing more comes.
    """
    if any(allow.use.rule == hit.use.rule and allow.holds(hit) for allow in hits.allowed):
        return Standing.FALLS
    if not _is_near(table, text, hit, hits.near):
        return Standing.FALLS
    return Standing.WAITS if not final and _may_become_allowed(table, text, hit) else Standing.STANDS


def _may_become_allowed(table: Table, text: str, hit: Hit) -> bool:
    """Whether the text ends in the beginning of an allow phrase that holds the hit."""
    for phrase in table.allowed[hit.use.rule]:
        for start in range(max(0, len(text) - len(phrase) + 1), hit.start + 1):
            if phrase.startswith(text[start:]):
                return True
    return False


def _is_near(table: Table, text: str, hit: Hit, near: Sequence[Hit]) -> bool:
    wanted = table.rules[hit.use.rule].near
    if wanted is None:
        return True
    for other in near:
        if other.use.rule != hit.use.rule or (wanted.ordered and other.start < hit.end):
            continue
        gap = text[min(hit.end, other.end) : max(hit.start, other.start)]
        distance = len(gap.split()) if table.language == "en" else len(gap)
        if distance <= wanted.within:
            return True
    return False


def sounds_allowed(table: Table, text: str, hit: Hit) -> bool:
    """Whether a hit by sound lies in what sounds like an allow phrase: the words around it are near enough.

    The allow phrase's other sounds are compared one by one where they would stand.
    """
    if table.sounds is None:
        return False
    term = fold(hit.use.phrase, table.language).text
    costs = table.sounds.sounds.distances
    heard_before, heard_after = (table.sounds.sounds.encode(part)[0] for part in (text[: hit.start], text[hit.end :]))
    for phrase in table.allowed[hit.use.rule]:
        at = phrase.find(term)
        if at < 0:
            continue
        before, after = _codes(table.language, phrase[:at]), _codes(table.language, phrase[at + len(term) :])
        if len(heard_before) < len(before) or len(heard_after) < len(after):
            continue
        wanted = np.concatenate([before, after])
        around = np.concatenate([heard_before[len(heard_before) - len(before) :], heard_after[: len(after)]])
        cost = costs[wanted, around]
        if len(cost) and float(cost.mean()) <= CONTEXT and float(cost.max()) <= ONE:
            return True
    return False


@lru_cache(maxsize=1 << 14)
def _codes(language: str, phrase: str) -> Codes:
    """Encode a part of a lexicon's phrase: there are few, and each is met again and again."""
    sounds = sounds_of(language)
    return sounds.encode(phrase)[0] if sounds else np.zeros(0, dtype=np.int32)
