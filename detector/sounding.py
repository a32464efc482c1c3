"""Which of the phrases that were heard by sound count. Pure.

The sound of speech is looked at more often, and sooner, than its text: what is found in it has no words yet. So what
stands around a term is asked of the sound itself, and of the text as far as there is any by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from detector.hearing import Finding
from detector.lifecycle import Span
from detector.types import Denial, SoundHit, SoundLook, Word
from lexicon.compiler import Role, Table
from lexicon.negation import denied
from lexicon.normalize import fold
from lexicon.types import Near

HOLD = 0.5
"""Seconds after a term in which an allow phrase may go on that nobody has heard anything of yet."""
SAME = 0.12
"""Seconds by which two phrases may be placed apart that begin or end with the same sound."""
SECONDS = {"zh": 0.3, "en": 0.5}
"""Seconds that a character or a word takes, where a rule counts them; of somebody who speaks slowly."""
PAUSE = 0.3
"""Seconds that a phrase may take longer than that."""
WEAKER = 0.8
"""Nats for each unit by which an allow phrase may be worse heard than the term in it."""
CUE, SHORT_CUE = 0.9, 0.4
"""Seconds between a cue that denies and a term, up to which the one may be about the other; of a single syllable."""
NO_WORDS = Span(-1, -1)


@dataclass(frozen=True, slots=True)
class _Guard:
    """What keeps a term from counting, or from counting at once, as long as looks hold the term.

    Attributes:
      rule, start, end: the term's.
      silences: it lies in an allow phrase, or is a disclosure; else it may be denied.
      most: score up to which the term may be heard: half of it may be heard as well as an allow phrase.
    """

    rule: int
    start: float
    end: float
    silences: bool
    most: float

    def is_about(self, hit: SoundHit) -> bool:
        around = self.rule == hit.use.rule and self.start < hit.end and hit.start < self.end
        return around and hit.score <= self.most


class Sounding:
    """The terms of one channel that are heard by sound, look by look.

    A window begins anywhere: an allow phrase may have lost its beginning in one look that was whole in the one before,
    and so may what denies a term. So what guards a term is remembered, as long as looks hold the term.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._guards: list[_Guard] = []

    def take(self, look: SoundLook, words: Sequence[Word]) -> tuple[list[Finding], list[SoundHit]]:
        """Give the terms that a look found and that count, as far as can be told; and those that are silenced.

        One waits while what comes next may make an allow phrase of it, or while the text must say whether it is denied.

        Args:
          words: the text of the channel, as far as there is any.
        """
        table, found, silenced = self._table, list[Finding](), list[SoundHit]()
        self._guards = [guard for guard in self._guards if guard.end > look.start]
        for hit in look.hits:
            rule = table.rules[hit.use.rule]
            if hit.use.role is not Role.TERM or rule.required is not None or not rule.channel.covers(look.channel):
                continue
            guards = {
                guard.silences: guard for guard in (*_guards(table, hit, look), *self._guards) if guard.is_about(hit)
            }
            self._guards = [guard for guard in self._guards if not guard.is_about(hit)] + [*guards.values()]
            if True in guards:
                silenced.append(hit)
                continue
            if rule.near is None or any(_is_near(hit, other, rule.near, table.language) for other in look.hits):
                found.append(_finding(table, hit, look, words, may_be_denied=bool(guards)))
        return found, silenced


def _finding(table: Table, hit: SoundHit, look: SoundLook, words: Sequence[Word], *, may_be_denied: bool) -> Finding:
    known = bool(words) and words[-1].end >= hit.start
    phrase = hit.use.phrase, hit.end
    waits = not look.paused and goes_on(table, hit.use.rule, phrase, look.until, words)
    return Finding(
        rule=table.rules[hit.use.rule],
        term=hit.use.phrase,
        span=NO_WORDS,
        words=(Word(hit.use.phrase, hit.start, hit.end, hit.confidence),),
        heard=hit.use.phrase,
        distance=1 - hit.confidence,
        exact=False,
        committed=False,
        denied=known and denied(table.language, _before(hit.start, words), _after(hit.end, words)),
        sure=hit.sure,
        waits=waits or (not known and may_be_denied),
    )


def _guards(table: Table, term: SoundHit, look: SoundLook) -> list[_Guard]:
    """List what guards a term in a look: an allow phrase that it lies in, what it is itself, what may deny it."""
    about = term.use.rule, term.start, term.end
    guards = []
    most = max((_most(table, hit, term) for hit in look.hits), default=-inf)
    if most >= term.score:
        guards.append(_Guard(*about, silences=True, most=most))
    if any(_may_deny(cue, term) for cue in look.denials):
        guards.append(_Guard(*about, silences=False, most=inf))
    return guards


def _most(table: Table, hit: SoundHit, term: SoundHit) -> float:
    """Give the score up to which a hit silences a term: as an allow phrase around it, or as a disclosure there."""
    if hit.use.role is Role.ALLOW and hit.use.rule == term.use.rule:
        around = hit.start <= term.start + SAME and term.end <= hit.end + SAME
        return hit.score + WEAKER if around and not _has_pause(hit, table.language) else -inf
    disclosure = hit.use.role is Role.TERM and table.rules[hit.use.rule].required is not None
    return hit.score if disclosure and hit.start < term.end and term.start < hit.end else -inf


def _has_pause(hit: SoundHit, language: str) -> bool:
    """Whether so much time goes by in a phrase that somebody must have paused in it: then it is two halves."""
    units = len(hit.use.phrase.split() if language == "en" else hit.use.phrase)
    return hit.end - hit.start > PAUSE + units * SECONDS.get(language, SECONDS["zh"])


def _is_near(term: SoundHit, other: SoundHit, near: Near, language: str) -> bool:
    """Whether a phrase that a term needs is as near to it as its rule says."""
    if other.use.role is not Role.NEAR or other.use.rule != term.use.rule:
        return False
    if near.ordered and other.start < term.end - SAME:
        return False
    gap = max(term.start, other.start) - min(term.end, other.end)
    return gap <= near.within * SECONDS.get(language, SECONDS["zh"])


def goes_on(table: Table, rule: int, hit: tuple[str, float], until: float, words: Sequence[Word]) -> bool:
    """Whether what comes next may still make an allow phrase of a term.

    It may until the phrase would have been said, unless the text already has something else after the term.

    Args:
      hit: the term, and the second of call audio at which it ends.
      until: second of call audio up to which anybody has listened.
      words: the text, as far as there is any.
    """
    term, end = hit
    text = fold(term, table.language).text.strip()
    rests = [phrase.strip().rpartition(text)[2].strip() for phrase in table.allowed[rule] if text in phrase]
    rests = [rest for rest in rests if rest]
    if not rests or until < end + HOLD:
        return bool(rests)
    said = fold(_after(end, words), table.language).text.strip()
    longest = max(len(rest.split() if table.language == "en" else rest) for rest in rests)
    slowest = longest * SECONDS.get(table.language, SECONDS["zh"])
    return until < end + slowest and any(rest.startswith(said) or said.startswith(rest) for rest in rests)


def _may_deny(cue: Denial, term: SoundHit) -> bool:
    """Whether something that denies was heard beside a term."""
    if cue.short:
        return 0 <= term.start - cue.end <= SHORT_CUE
    return -SAME <= term.start - cue.end <= CUE or abs(cue.start - term.end) <= SAME


def _before(start: float, words: Sequence[Word]) -> str:
    return "".join(word.text for word in words if (word.start + word.end) / 2 < start)


def _after(end: float, words: Sequence[Word]) -> str:
    return "".join(word.text for word in words if (word.start + word.end) / 2 > end)
