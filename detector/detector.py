"""The room's door: words in, decisions out; one detector for each call. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from detector.lifecycle import Fired, Span
from detector.matcher import Hit, Hits, counts, scan
from detector.types import Action, Decision, MatchKind, Missing, Status, TranscriptUpdate, Violation, Word
from lexicon.compiler import Table
from lexicon.normalize import Folded, fold
from lexicon.types import Rule, Severity

MOST_WORDS = 2000
"""Words of a channel kept at most: some fold to nothing, and a text of them would never be long enough."""


class Detector:
    """Finds the violations of one call, and which disclosures were made in it.

    Args:
      table: the rules of the call's language.
      actions: what is done about a violation of each severity.
    """

    def __init__(self, table: Table, actions: Mapping[Severity, Action | None]) -> None:
        self._table = table
        self._actions = actions
        self._channels: dict[str, _Channel] = {}
        self._disclosed: dict[str, float] = {}
        self.violations = 0

    def update(self, update: TranscriptUpdate) -> list[Decision]:
        """Take in what changed in a channel's text; give the violations that this completes, as they were spoken."""
        channel = self._channels.setdefault(update.channel, _Channel(self._table, update.channel))
        decisions = []
        for finding in channel.hear(update.committed, final=update.final):
            if finding.rule.required is not None:
                self._disclosed.setdefault(finding.rule.id, finding.words[-1].end)
            else:
                violation = self._violation(finding, update.channel)
                decisions.append(Decision(violation, self._actions[finding.rule.severity]))
        return decisions

    def finish(self, duration: float) -> list[Missing]:
        """End the call after `duration` seconds; give the disclosures that were not made, or not in time."""
        missing = []
        for rule in self._table.rules:
            if rule.required is None:
                continue
            latest = duration if rule.required.within is None else rule.required.within
            if self._disclosed.get(rule.id, float("inf")) > latest:
                missing.append(Missing(rule.id, rule.category, rule.severity, rule.terms, rule.required.within))
        return missing

    def _violation(self, finding: _Finding, channel: str) -> Violation:
        self.violations += 1
        rule, words = finding.rule, finding.words
        return Violation(
            id=f"v-{self.violations}",
            status=Status.FIRED,
            rule_id=rule.id,
            category=rule.category,
            severity=rule.severity,
            term=finding.term,
            heard=finding.heard,
            match=MatchKind.EXACT,
            confidence=round(sum(word.probability for word in words) / len(words), 3),
            channel=channel,
            start=words[0].start,
            end=words[-1].end,
            say_instead=rule.say_instead,
        )


@dataclass(frozen=True, slots=True)
class _Finding:
    rule: Rule
    term: str
    heard: str
    words: Sequence[Word]


class _Channel:
    """The end of one channel's committed text, as far as it matters to what follows."""

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self._name = name
        self._words: list[Word] = []
        self._first = 0
        self._fired = Fired()

    def hear(self, words: Iterable[Word], *, final: bool) -> list[_Finding]:
        # No phrase is as long as the text kept; a longer word is none, and must not cost what it weighs.
        self._words += [replace(w, text=w.text[: self._table.reach]) for w in words]
        raw = "".join(word.text for word in self._words)
        folded = fold(raw, self._table.language)
        word_ends = list(accumulate(len(word.text) for word in self._words))
        owners = [number for number, word in enumerate(self._words) for _ in word.text]
        hits = scan(self._table, folded.text)
        # Before this, an allow phrase may have lost its beginning; what stands there was judged when it hadn't.
        judged = self._table.longest if self._first else 0
        found: list[tuple[Hit, Span]] = []
        for hit in hits.terms:
            if hit.start >= judged and self._stands(folded.text, hit, hits, final=final):
                start, end = folded.raw_span(hit.start, hit.end)
                found.append((hit, Span(self._first + owners[start], self._first + owners[end - 1])))
        findings = self._fire(found, raw, folded)
        self._forget(folded.offsets, word_ends)
        return findings

    def _stands(self, text: str, hit: Hit, hits: Hits, *, final: bool) -> bool:
        rule = self._table.rules[hit.use.rule]
        return rule.channel.covers(self._name) and counts(self._table, text, hit, hits, final=final)

    def _fire(self, found: list[tuple[Hit, Span]], raw: str, folded: Folded) -> list[_Finding]:
        """Fire what is new: the most severe first, and the longest, so that it covers what lies within."""
        rules = self._table.rules
        fired: list[tuple[Span, _Finding]] = []
        for hit, span in sorted(
            found,
            key=lambda one: (rules[one[0].use.rule].severity.rank, one[0].start - one[0].end, one[0].start),
        ):
            rule = rules[hit.use.rule]
            disclosure = rule.required is not None
            if disclosure or not self._fired.covers(rule, span):
                if not disclosure:
                    self._fired.add(rule, span)
                words = self._words[span.first - self._first : span.last - self._first + 1]
                start, end = folded.raw_span(hit.start, hit.end)
                fired.append((span, _Finding(rule, hit.use.phrase, raw[start:end], words)))
        return [finding for _, finding in sorted(fired, key=lambda one: (one[0].first, one[0].last))]

    def _forget(self, offsets: Sequence[int], word_ends: Sequence[int]) -> None:
        """Drop the words that are out of reach."""
        beyond = len(offsets) - self._table.reach
        keep_from = offsets[beyond] if beyond > 0 else 0
        dropped = sum(end <= keep_from for end in word_ends)
        dropped = max(dropped, len(self._words) - MOST_WORDS)
        del self._words[:dropped]
        self._first += dropped
        self._fired.forget(self._first)
