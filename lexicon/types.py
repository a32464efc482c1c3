"""What a lexicon is, once read: frozen and already validated by `lexicon.loader`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a rule asks for when one of its terms is spoken, from the most to the least severe."""

    BLOCK = "block"
    ALERT = "alert"
    REVIEW = "review"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


class Scope(StrEnum):
    """Whose words a rule is about."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ANY = "any"

    def covers(self, channel: str) -> bool:
        return self is Scope.ANY or self.value == channel


@dataclass(frozen=True, slots=True)
class Near:
    """A term counts only with one of these phrases close by.

    Attributes:
      any: the phrases, one of which must stand near the term.
      within: the widest gap between term and phrase, in characters (zh) or words (en).
      ordered: True when the phrase must follow the term.
    """

    any: tuple[str, ...]
    within: int
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Required:
    """A disclosure that must be made.

    Attributes:
      within: seconds from the call's start by which it must have been said; None means by the call's end.
    """

    within: float | None = None


class MetricName(StrEnum):
    """What of a call's conduct is measured; `detector.conduct` says how.

    SILENCE: seconds in which nobody speaks, at one go.
    OVERLAP: seconds in which both speak, in all.
    TALK_RATIO: the channel's share of all that is spoken, 0 to 1.
    PACE: characters (zh) or words (en) a minute, over the channel's fastest stretch of speech.
    """

    SILENCE = "silence"
    OVERLAP = "overlap"
    TALK_RATIO = "talk_ratio"
    PACE = "pace"

    @property
    def of_channel(self) -> bool:
        """Whether each channel has its own; the others are the call's."""
        return self in {MetricName.TALK_RATIO, MetricName.PACE}


@dataclass(frozen=True, slots=True)
class Metric:
    """A bound to a call's conduct: whatever is more is a violation.

    Attributes:
      over: the bound, in the metric's own unit.
    """

    name: MetricName
    over: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: any of its terms, said on a channel it covers, is a violation (or, if required, a disclosure).

    A rule with a metric has no terms: the violation is in how the call goes, not in what is said.

    Attributes:
      sounds: for phrases that are said otherwise than they are written, their pronunciations, as
        `lexicon.pronunciation.read_sounds` reads them.
    """

    id: str
    category: str
    severity: Severity
    terms: tuple[str, ...]
    language: str
    channel: Scope = Scope.AGENT
    allow: tuple[str, ...] = ()
    near: Near | None = None
    required: Required | None = None
    say_instead: str | None = None
    source: str | None = None
    metric: Metric | None = None
    sounds: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The rules of one file, or of several merged.

    Attributes:
      name: the file's own name for itself; several are joined by `+`.
      version: `name@` and the first twelve hex digits of the SHA-256 of the files' bytes; joined by `+`.
    """

    name: str
    version: str
    rules: tuple[Rule, ...]
