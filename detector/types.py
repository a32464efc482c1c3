"""The vocabulary of detection: words in, violations and missing disclosures out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Word:
    """The smallest piece of recognised text that has a time of its own: a Chinese character, an English word.

    Attributes:
      text: as recognised, with the space before it and the punctuation after it, so that joining words
        gives the running text.
      start, end: seconds of call audio.
      probability: the recogniser's own, 0 to 1.
    """

    text: str
    start: float
    end: float
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class TranscriptUpdate:
    """What one more look at a channel's audio changed.

    Attributes:
      channel: the leg, `agent` or `customer`.
      committed: words settled by this update; they follow all that was committed before and never change.
      tentative: all that is heard beyond the committed text at present; replaces the last update's.
      final: speech has paused here; nothing that follows continues the sentence.
    """

    channel: str
    committed: tuple[Word, ...] = ()
    tentative: tuple[Word, ...] = ()
    final: bool = False


class MatchKind(StrEnum):
    """How the words met the term."""

    EXACT = "exact"
    PHONETIC = "phonetic"


class Status(StrEnum):
    """Where a violation stands in its life."""

    CANDIDATE = "candidate"
    FIRED = "fired"
    CONFIRMED = "confirmed"
    RETRACTED = "retracted"


class Action(StrEnum):
    """What the platform is asked to do."""

    MUTE = "mute"
    HANGUP = "hangup"
    PLAY = "play"
    TRANSFER = "transfer"
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Violation:
    """One spoken violation.

    Attributes:
      id: unique within the call, `v-1` and up in the order of firing.
      term: as in the lexicon; `heard` as recognised.
      start, end: seconds of call audio of the first word's start and the last word's end.
    """

    id: str
    status: Status
    rule_id: str
    category: str
    severity: str
    term: str
    heard: str
    match: MatchKind
    confidence: float
    channel: str
    start: float
    end: float
    say_instead: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A violation at a step of its life, and what is to be done about it now.

    Attributes:
      action: None when it is only reported.
      undo: the action taken for it earlier is to be taken back, and why.
    """

    violation: Violation
    action: Action | None
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """A question to whoever has the audio: which of two texts was spoken there?

    Attributes:
      id: the candidate's, to be given back with the answer.
      start, end: seconds of call audio that the texts span.
      heard: what was recognised.
      instead: the same with the term in the place of what sounds like it.
      distance: between the two by sound, for each of the term's sounds.
    """

    id: str
    channel: str
    start: float
    end: float
    heard: str
    instead: str
    distance: float


@dataclass(frozen=True, slots=True)
class Score:
    """The answer: how likely each text is, given the audio.

    Attributes:
      heard, instead: natural logarithms of the probabilities of the whole texts.
    """

    request_id: str
    heard: float
    instead: float


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a detector has to say to what it was told."""

    decisions: tuple[Decision, ...] = ()
    requests: tuple[ScoreRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A required disclosure that was not made in time."""

    rule_id: str
    category: str
    severity: str
    terms: tuple[str, ...]
    within: float | None
