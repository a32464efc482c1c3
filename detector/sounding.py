"""Which of the phrases that were heard by sound count. Pure.

The sound of speech is looked at more often, and sooner, than its text: what is found in it has no words yet. So what
stands around a term is asked of the sound itself, and of the text as far as there is any by then.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector.hearing import Finding
from detector.lifecycle import Span
from detector.types import SoundHit, SoundLook, Word
from lexicon.compiler import Role, Table
from lexicon.negation import denied
from lexicon.normalize import fold
from lexicon.types import Near

HOLD = 0.5
"""Seconds after a term in which an allow phrase would have gone on, if it did."""
SAME = 0.12
"""Seconds by which two phrases may be placed apart that begin or end with the same sound."""
SECONDS = {"zh": 0.3, "en": 0.5}
"""Seconds that a character or a word takes, where a rule counts them; of somebody who speaks slowly."""
WEAKER = 0.8
"""Nats for each unit by which an allow phrase may be worse heard than the term in it."""
CUE, SHORT_CUE = 0.9, 0.4
"""Seconds between a cue that denies and a term, up to which the one may be about the other; of a single syllable."""
NO_WORDS = Span(-1, -1)


def findings(table: Table, look: SoundLook, words: Sequence[Word]) -> list[Finding]:
    """Give the terms that a look found and that count, as far as can be told.

    One waits while what comes next may make an allow phrase of it, or while the text must say whether it is denied.

    Args:
      words: the text of the channel, as far as there is any.
    """
    found = []
    for hit in look.hits:
        rule = table.rules[hit.use.rule]
        term = hit.use.role is Role.TERM and rule.required is None
        if not term or not rule.channel.covers(look.channel) or _benign(table, hit, look.hits):
            continue
        if rule.near is not None and not any(_is_near(hit, other, rule.near, table.language) for other in look.hits):
            continue
        before, after = _around(hit, words)
        known = bool(words) and words[-1].end >= hit.start
        goes_on = not look.paused and look.until < hit.end + HOLD and _may_be_allowed(table, hit)
        found.append(
            Finding(
                rule=rule,
                term=hit.use.phrase,
                span=NO_WORDS,
                words=(Word(hit.use.phrase, hit.start, hit.end, hit.confidence),),
                heard=hit.use.phrase,
                distance=1 - hit.confidence,
                exact=False,
                committed=False,
                denied=known and denied(table.language, before, after),
                sure=hit.sure,
                waits=goes_on or (not known and _may_be_denied(hit, look)),
            )
        )
    return found


def _benign(table: Table, term: SoundHit, hits: Sequence[SoundHit]) -> bool:
    """Whether a term lies in an allow phrase of its rule, or is a disclosure that was heard at least as well."""
    for hit in hits:
        if hit.use.role is Role.ALLOW and hit.use.rule == term.use.rule:
            around = hit.start <= term.start + SAME and term.end <= hit.end + SAME
            if around and hit.score >= term.score - WEAKER:
                return True
        disclosure = hit.use.role is Role.TERM and table.rules[hit.use.rule].required is not None
        if disclosure and hit.start < term.end and term.start < hit.end and hit.score >= term.score:
            return True
    return False


def _is_near(term: SoundHit, other: SoundHit, near: Near, language: str) -> bool:
    """Whether a phrase that a term needs is as near to it as its rule says."""
    if other.use.role is not Role.NEAR or other.use.rule != term.use.rule:
        return False
    if near.ordered and other.start < term.end - SAME:
        return False
    gap = max(term.start, other.start) - min(term.end, other.end)
    return gap <= near.within * SECONDS.get(language, SECONDS["zh"])


def _may_be_allowed(table: Table, term: SoundHit) -> bool:
    """Whether an allow phrase of the term's rule goes on after the term."""
    text = fold(term.use.phrase, table.language).text.strip()
    return any(text in phrase and not phrase.strip().endswith(text) for phrase in table.allowed[term.use.rule])


def _may_be_denied(term: SoundHit, look: SoundLook) -> bool:
    """Whether something that denies was heard beside a term."""
    return any(
        0 <= term.start - cue.end <= SHORT_CUE
        if cue.short
        else -SAME <= term.start - cue.end <= CUE or abs(cue.start - term.end) <= SAME
        for cue in look.denials
    )


def _around(term: SoundHit, words: Sequence[Word]) -> tuple[str, str]:
    """Give the text before and after the place of a term."""
    before = "".join(word.text for word in words if (word.start + word.end) / 2 < term.start)
    after = "".join(word.text for word in words if (word.start + word.end) / 2 > term.end)
    return before, after
