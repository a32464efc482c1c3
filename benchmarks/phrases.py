"""What was found of the phrases that people said, held against what they said. Pure.

Each phrase is a rule of its own. A marked phrase is met by what is found of its rule, on its channel, about when it
was said; what is found of a phrase that the recording's transcript does not hold is false; and a phrase that was said,
though not marked there, is neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

from benchmarks.calls import LabelledCall, Mark
from lexicon.normalize import fold

CERTAINTY = 1.959964
"""Standard deviations, either way, that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Found:
    """A violation that was told of.

    Attributes:
      file: the recording's, without its folder.
      blocked: whether the call was blocked for it; else somebody was told to look.
      at: second of the call at which the block came back; None where nobody waited for it.
      written: whether the text has it as well; else it is what was heard, or sounds like what was written.
    """

    file: str
    rule: str
    term: str
    channel: str
    start: float
    end: float
    blocked: bool
    confidence: float
    at: float | None = None
    written: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that somebody said.

    Attributes:
      length: in characters of folded text where the language is Chinese, each a syllable; else in words.
      confidence: of the surest that was found of it, blocked or not; None where nothing was.
      late: seconds from its end to its first block.
    """

    file: str
    term: str
    length: int
    style: str
    end: float
    blocked: bool
    confidence: float | None
    late: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the phrases of some recordings, and what else was found in them.

    Attributes:
      right: found, blocked or not, where it was marked.
      false: found, blocked or not, though nobody said it.
      unmarked: said, though nobody marked it there.
      term_hours: phrases that were listened for, times the hours in which they were.
    """

    phrases: tuple[Phrase, ...]
    right: tuple[Found, ...]
    false: tuple[Found, ...]
    unmarked: tuple[Found, ...]
    term_hours: float

    @property
    def falsely_blocked(self) -> tuple[Found, ...]:
        return tuple(found for found in self.false if found.blocked)


def judge(labelled: Sequence[LabelledCall], found: Iterable[Found], rules: Mapping[str, str]) -> Judged:
    """Hold what was found against what was said.

    Args:
      rules: each phrase's rule.

    Raises:
      KeyError: a marked phrase has no rule.
    """
    by_file: dict[str, list[Found]] = {call.path.name: [] for call in labelled}
    for one in found:
        by_file[one.file].append(one)
    phrases: list[Phrase] = []
    hits: list[Found] = []
    false: list[Found] = []
    unmarked: list[Found] = []
    for call in labelled:
        right: set[Found] = set()
        for mark in (mark for mark in call.marks if mark.violation):
            rule = rules[mark.term]
            met = [one for one in by_file[call.path.name] if one.rule == rule and _meets(one, mark)]
            right.update(met)
            phrases.append(_phrase(call, mark, met))
        for one in by_file[call.path.name]:
            if one in right:
                hits.append(one)
            else:
                (unmarked if call.holds(one.term, one.channel) else false).append(one)
    hours = sum(call.duration for call in labelled) / 3600
    return Judged(tuple(phrases), tuple(hits), tuple(false), tuple(unmarked), len(rules) * hours)


def _meets(found: Found, mark: Mark) -> bool:
    return mark.met_by(found.start, found.end, found.channel)


def _phrase(call: LabelledCall, mark: Mark, met: Sequence[Found]) -> Phrase:
    came = [one.at - mark.end for one in met if one.blocked and one.at is not None]
    return Phrase(
        call.path.name,
        mark.term,
        length(mark.term, call.language),
        call.style,
        mark.end,
        any(one.blocked for one in met),
        max((one.confidence for one in met), default=None),
        min(came, default=None),
    )


def length(term: str, language: str) -> int:
    """Count a phrase's syllables, which are characters, or its words."""
    return len(fold(term, language).text) if language == "zh" else len(term.split())


@dataclass(frozen=True, slots=True)
class Share:
    """Some of all, and the bounds between which the share of it is with a certainty of 95 %."""

    some: int
    of: int

    @property
    def value(self) -> float:
        return self.some / self.of if self.of else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Wilson's interval (E. B. Wilson, 1927, Journal of the American Statistical Association 22)."""
        if not self.of:
            return 0.0, 1.0
        square = CERTAINTY**2 / self.of
        middle = (self.value + square / 2) / (1 + square)
        half = CERTAINTY * sqrt(self.value * (1 - self.value) / self.of + square / (4 * self.of)) / (1 + square)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something rare came, in so much of what it comes in."""

    times: int
    in_all: float

    @property
    def value(self) -> float:
        return self.times / self.in_all if self.in_all else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Wilson's interval, as it becomes where chances are many and each is small."""
        if not self.in_all:
            return 0.0, inf
        middle, half = self.times + CERTAINTY**2 / 2, CERTAINTY * sqrt(self.times + CERTAINTY**2 / 4)
        return max(0.0, middle - half) / self.in_all, (middle + half) / self.in_all


def shares(phrases: Sequence[Phrase]) -> dict[str, Share]:
    """Give the share of phrases that were blocked: of all, by style and by length."""
    groups = {"all": list(phrases)}
    for style in sorted({phrase.style for phrase in phrases}):
        groups[style] = [phrase for phrase in phrases if phrase.style == style]
    for size in sorted({phrase.length for phrase in phrases}):
        groups[str(size)] = [phrase for phrase in phrases if phrase.length == size]
    return {name: Share(sum(phrase.blocked for phrase in some), len(some)) for name, some in groups.items()}


def false_rates(judged: Judged) -> dict[str, Rate]:
    """Give how often what nobody said was blocked."""
    times = len(judged.falsely_blocked)
    return {
        "false per 1,000 phrases": Rate(times, len(judged.phrases) / 1000),
        "false per term-hour": Rate(times, judged.term_hours),
    }


def curve(judged: Judged) -> Iterator[tuple[float, float, float]]:
    """Give what is missed and what is false, from the strictest line to the loosest, were all above it blocked.

    Returns:
      the confidence at which the line is drawn, the share of phrases missed, and the false per term-hour.
    """
    said = [-1.0 if phrase.confidence is None else phrase.confidence for phrase in judged.phrases]
    false = [found.confidence for found in judged.false]
    for line in sorted({*false, *(one for one in said if one >= 0)}, reverse=True):
        missed = Share(sum(one < line for one in said), len(said))
        yield line, missed.value, Rate(sum(one >= line for one in false), judged.term_hours).value
