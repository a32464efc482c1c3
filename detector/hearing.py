"""What was heard on one channel lately, and which of the terms stand in it, exactly or by their sound. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from math import inf

from detector import nearmiss
from detector.lifecycle import Span
from detector.matcher import Hit, Hits, Standing, scan, sounds_allowed, standing
from detector.types import CONTEXT, REACH, MatchKind, Status, TranscriptUpdate, Violation, Word
from lexicon.compiler import Table, Use
from lexicon.negation import CLAUSE, denied
from lexicon.normalize import Folded, fold
from lexicon.types import Rule, Severity

MOST_WORDS = 2000
"""Words kept at most: some fold to nothing, and a text of them would never be long enough to be cut."""
HOLD = 0.4
"""Seconds of silence in which an allow phrase would have gone on, if it did."""
SHIFTED = 2
"""Words by which two readings of the same audio may be shifted against each other."""
UNLIKE = 0.5
"""Distance for each sound from which on words are not the ones that a term was heard in."""
AROUND = 30
"""Characters on either side of a term in which it may be denied."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A term that stands in what was heard.

    Attributes:
      span: the words it stands in, numbered from the call's start.
      words: those words.
      heard: their text, as far as it is the term's.
      distance: for each syllable, between the term and what was recognised; 0 when it is written exactly so.
      exact: whether it is.
      committed: whether all of it is in committed text.
      denied: whether it is denied, asked about or repeated, as far as can be told.
      waits: whether what comes next may still make an allow phrase of it: it fires nothing yet, but it was said.
      loose: whether its last word may be no part of it, and no other look will tell.
      sure: it was heard so clearly in the sound itself that no text need bear it out.
    """

    rule: Rule
    term: str
    span: Span
    words: Sequence[Word]
    heard: str
    distance: float
    exact: bool
    committed: bool
    denied: bool
    waits: bool = False
    loose: bool = False
    sure: bool = False

    @property
    def start(self) -> float:
        """Seconds of call audio at which its first word begins."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds of call audio at which its last word ends."""
        return self.words[-1].end

    def is_of(self, other: Finding) -> bool:
        """Whether both are about the same rule and, in part, the same seconds."""
        return self.rule is other.rule and self.start < other.end and other.start < self.end

    def violation(self, channel: str, name: str) -> Violation:
        """Put it as a violation that nothing has been decided on yet."""
        rule, words = self.rule, self.words
        return Violation(
            id=name,
            status=Status.CANDIDATE,
            rule_id=rule.id,
            category=rule.category,
            severity=rule.severity,
            term=self.term,
            heard=self.heard,
            match=MatchKind.EXACT if self.exact else MatchKind.PHONETIC,
            confidence=round(sum(word.probability for word in words) / len(words), 3),
            channel=channel,
            start=self.start,
            end=self.end,
            say_instead=rule.say_instead,
        )

    @property
    def severity(self) -> Severity:
        """The rule's; what is denied never blocks."""
        severity = self.rule.severity
        return Severity.ALERT if self.denied and severity is Severity.BLOCK else severity

    @property
    def urgency(self) -> tuple[int, bool, float, int, int]:
        """Orders findings so that each comes before what it covers: the most severe, the surest, the longest."""
        length = self.span.last - self.span.first
        agreed = self.exact and self.committed
        return self.severity.rank, not agreed, self.distance, -length, self.span.first


class Hearing:
    """The end of one channel's text, as far as it matters to what follows.

    Args:
      channel: the leg.
      once: each stretch of speech is looked at once.

    Attributes:
      silenced: what was said, and doesn't count: it lies in an allow phrase, or lacks what it should be near to.
    """

    def __init__(self, table: Table, channel: str, *, once: bool = False) -> None:
        self.silenced: list[Finding] = []
        self._table = table
        self._channel = channel
        self._once = once
        self._committed: list[Word] = []
        self._tentative: list[Word] = []
        self._first = 0
        self._spent = 0
        self._sight = -inf
        self._pauses: list[int] = []

    @property
    def words(self) -> list[Word]:
        """The words that are still known, committed and tentative."""
        return [*self._committed, *self._tentative]

    def take(self, update: TranscriptUpdate) -> list[Finding]:
        """Take in what changed; give all that stands in the text now, the same again as long as it is known."""
        self._drop_spent()
        self._committed += self._bounded(update.committed)
        self._tentative = self._bounded(update.tentative)
        words = self.words
        raw = "".join([word.text for word in words])
        folded = fold(raw, self._table.language)
        settled = sum([len(word.text) for word in self._committed])
        text = _Text(words, raw, folded, bisect_left(folded.offsets, settled), settled)
        hits = self._within_sentences(scan(self._table, folded.text), text)
        if update.final:
            self._pauses.append(self._first + len(self._committed))
        # Before this, an allow phrase may have lost its beginning; what stands there was judged when it hadn't.
        judged = self._table.longest if self._first else 0
        self._sight = text.begin(judged) if judged else -inf
        found: list[Finding] = []
        self.silenced = []
        for hit in hits.terms:
            if hit.start < judged or not self._covers(hit.use):
                continue
            stands, agreed = self._standing(text, hit, hits, update)
            finding = self._finding(text, hit, 0.0, exact=True, waits=stands is Standing.WAITS)
            if not agreed:
                finding = replace(finding, committed=False)
            (self.silenced if stands is Standing.FALLS else found).append(finding)
        found = _inheriting([*found, *self._by_sound(text, hits, judged, final=update.final)])
        self._spend(text)
        return found

    def _bounded(self, words: Sequence[Word]) -> list[Word]:
        """No phrase is as long as the text kept; a longer word is none, and must not cost what it weighs."""
        most = self._table.reach
        return [word if len(word.text) <= most else replace(word, text=word.text[:most]) for word in words]

    def around(self, span: Span) -> tuple[tuple[Word, ...], tuple[Word, ...], tuple[Word, ...]]:
        """Give the words before a finding, its own, and those after it: as much as helps to weigh them."""
        words = self.words
        first, last = span.first - self._first, span.last - self._first
        low, high = first, last
        (most_before, most_after), (before, after) = CONTEXT, REACH
        while low > 0 and first - low < most_before and words[first].start - words[low - 1].start < before:
            low -= 1
        while high + 1 < len(words) and high - last < most_after and words[high + 1].end - words[last].end < after:
            high += 1
        return tuple(words[low:first]), tuple(words[first : last + 1]), tuple(words[last + 1 : high + 1])

    def parted(self, span: Span) -> tuple[tuple[Word, ...], tuple[Word, ...], tuple[Word, ...]]:
        """Give all words before a span, its own, and all after it."""
        first, last = span.first - self._first, span.last - self._first
        words = self.words
        return tuple(words[:first]), tuple(words[first : last + 1]), tuple(words[last + 1 :])

    def forgot(self, at: float) -> bool:
        """Whether terms that begin at a second of call audio are out of sight, as so much was said since."""
        return at < self._sight

    def between(self, start: float, end: float, term: str) -> Span | None:
        """Give the words that were said from `start` to `end` seconds, where a term was heard; None if none were.

        Two readings place the same word a little apart, so it is those words about that time which sound most like the
        term; where none of that time do, or no sounds are known, those that fit the time best.
        """
        words = self.words
        inside = [at for at, word in enumerate(words) if start < (word.start + word.end) / 2 < end]
        if not inside:
            return None
        alike = self._most_like(term, max(0, inside[0] - SHIFTED), min(len(words), inside[-1] + 1 + SHIFTED))
        said = Span(self._first + inside[0], self._first + inside[-1])
        if alike is not None and alike.overlaps(said):
            return alike
        spans = (
            (first, last)
            for first in (inside[0] - 1, inside[0])
            for last in (inside[-1], inside[-1] + 1)
            if first >= 0 and last < len(words)
        )
        first, last = max(spans, key=lambda span: _fit(words[span[0]].start, words[span[1]].end, start, end))
        return Span(self._first + first, self._first + last)

    def _most_like(self, term: str, low: int, high: int) -> Span | None:
        """Give the words from number `low` up to `high` that sound most like a term."""
        index, language = self._table.sounds, self._table.language
        if index is None:
            return None
        words = self.words[low:high]
        raw = "".join(word.text for word in words)
        folded = fold(raw, language)
        wanted, _ = index.sounds.encode(fold(term, language).text)
        heard, spans = index.sounds.encode(folded.text)
        if not len(wanted) or not len(heard):
            return None
        cost, begin, end, _ = nearmiss.align(index.sounds.distances, wanted, heard)
        if end <= begin or cost > UNLIKE:
            return None
        first, last = folded.raw_span(spans[begin][0], spans[end - 1][1])
        text = _Text(words, raw, folded, 0, 0)
        return Span(self._first + low + text.owner(first), self._first + low + text.owner(last - 1))

    def _within_sentences(self, hits: Hits, text: _Text) -> Hits:
        """Drop the allow phrases that reach across a pause: nothing after one continues the sentence before it."""
        if not self._pauses:
            return hits
        starts = {pause - self._first for pause in self._pauses}
        allowed = []
        for hit in hits.allowed:
            start, end = text.folded.raw_span(hit.start, hit.end)
            inner = range(text.owner(start) + 1, text.owner(end - 1) + 1)
            if not any(word in starts for word in inner):
                allowed.append(hit)
        return replace(hits, allowed=allowed)

    def _covers(self, use: Use) -> bool:
        return self._table.rules[use.rule].channel.covers(self._channel)

    def _standing(self, text: _Text, hit: Hit, hits: Hits, update: TranscriptUpdate) -> tuple[Standing, bool]:
        """Say whether a term counts, and whether it is agreed that it does.

        Whether a committed term counts is for committed text to say. Where that waits, what follows it tentatively
        may do for the time being, or that nothing followed.
        """
        table, seen = self._table, text.folded.text
        agreed = hit.end <= text.committed
        if agreed:
            near = replace(hits, near=[near for near in hits.near if near.end <= text.committed])
            told = standing(table, seen[: text.committed], hit, near, final=update.final)
            if told is not Standing.WAITS:
                return told, True
        silent = HOLD <= update.until - text.words[-1].end < inf
        guess = standing(table, seen, hit, hits, final=update.final or silent)
        if agreed:
            return (guess, False) if guess is Standing.STANDS else (Standing.WAITS, True)
        return guess, True

    def _by_sound(self, text: _Text, hits: Hits, judged: int, *, final: bool) -> list[Finding]:
        """Find terms that are written as something that sounds like them."""
        table, folded = self._table, text.folded.text
        if table.sounds is None:
            return []
        near = nearmiss.find(table.sounds, folded, final=final, once=self._once)
        misses = [miss for miss in near if miss.start >= judged]
        written = {(hit.use.rule, hit.end) for hit in hits.terms}
        found: list[Finding] = []
        for miss in misses:
            use = table.sounding[miss.term]
            hit = Hit(use, miss.start, miss.end)
            if (use.rule, miss.end) in written or not self._covers(use) or table.rules[use.rule].near:
                continue
            benign = sounds_allowed(table, folded, hit) or self._is_benign(miss, near, hits)
            finding = replace(self._finding(text, hit, miss.distance, exact=False), loose=self._once and miss.loose)
            (self.silenced if benign else found).append(finding)
        return found

    def _is_benign(self, miss: nearmiss.NearMiss, near: list[nearmiss.NearMiss], hits: Hits) -> bool:
        """Whether a disclosure, or an allow phrase of any rule, fits the same words at least as well.

        A disclosure that is written there sounds like itself, too.
        """
        table = self._table
        if any(allow.start <= miss.start and miss.end <= allow.end for allow in hits.allowed):
            return True
        if table.rules[table.sounding[miss.term].rule].required is not None:
            return False
        return any(
            other.distance <= miss.distance and other.start < miss.end and miss.start < other.end
            for other in near
            if table.rules[table.sounding[other.term].rule].required is not None
        )

    def _finding(self, text: _Text, hit: Hit, distance: float, *, exact: bool, waits: bool = False) -> Finding:
        table, folded = self._table, text.folded
        start, end = folded.raw_span(hit.start, hit.end)
        first, last = text.owner(start), text.owner(end - 1)
        if table.language == "en":
            clause = CLAUSE.split(text.raw[:start])[-1]
            before = fold(clause, table.language).text[-AROUND:]
            after = folded.text[hit.end - 1 : hit.end + AROUND]
        else:
            # A guess denies nothing that is committed.
            seen = text.settled if last < len(self._committed) else len(text.raw)
            before, after = text.raw[max(0, start - AROUND) : start], text.raw[end : min(seen, end + AROUND)]
        return Finding(
            rule=table.rules[hit.use.rule],
            term=hit.use.phrase,
            span=Span(self._first + first, self._first + last),
            words=text.words[first : last + 1],
            heard=text.raw[start:end],
            distance=distance,
            exact=exact,
            committed=last < len(self._committed),
            denied=denied(table.language, before, after),
            waits=waits,
        )

    def _spend(self, text: _Text) -> None:
        """Count the committed words out of reach; until more comes, what was found in them may be asked about."""
        folded, beyond = text.folded, text.committed - self._table.reach
        spent = bisect_right(text.ends, folded.offsets[beyond]) if beyond > 0 else 0
        self._spent = max(min(spent, len(self._committed)), len(self._committed) - MOST_WORDS)

    def _drop_spent(self) -> None:
        del self._committed[: self._spent]
        self._first += self._spent
        self._spent = 0
        self._pauses = [pause for pause in self._pauses if pause > self._first]


def _fit(start: float, end: float, wanted_start: float, wanted_end: float) -> float:
    """Tell what share of two spans together is common to both."""
    common = min(end, wanted_end) - max(start, wanted_start)
    return common / max(max(end, wanted_end) - min(start, wanted_start), 0.001)


def _inheriting(found: list[Finding]) -> list[Finding]:
    """What lies within a longer finding of its rule is denied with it: 保本 in 保本保收益是不可能的."""
    denied = [finding for finding in found if finding.denied]
    return [
        replace(finding, denied=True)
        if any(longer.rule is finding.rule and longer.span.holds(finding.span) for longer in denied)
        else finding
        for finding in found
    ]


@dataclass(frozen=True)
class _Text:
    """What is known of the text at one moment.

    Attributes:
      committed, settled: folded and raw characters that are committed.
    """

    words: Sequence[Word]
    raw: str
    folded: Folded
    committed: int
    settled: int

    @cached_property
    def ends(self) -> list[int]:
        """For each word, the raw characters up to its end."""
        return list(accumulate(len(word.text) for word in self.words))

    def begin(self, at: int) -> float:
        """Give the second of call audio at which the word of a folded character begins; infinity after the last."""
        word = self.owner(self.folded.offsets[at]) if at < len(self.folded.offsets) else len(self.words)
        return self.words[word].start if word < len(self.words) else inf

    def owner(self, at: int) -> int:
        """Give the word that a raw character is part of."""
        return bisect_right(self.ends, at)
