"""The vocabulary of detection: words in, violations and missing disclosures out, and what a call's conduct comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import Any

from lexicon.compiler import Use

PUNCTUATION = " ,.!?;:…，。！？；：、"
CONTEXT, REACH = (8, 4), (4.0, 1.2)
"""Words before and after others that help to weigh them, and the seconds within which they do."""
SAME_PLACE = 0.5
"""Seconds by which two alignments may place the same word apart."""


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
      until: seconds of call audio at which the look ended: what ends just there may not have been spoken to its end.
      look: all that was heard in the look, what was committed before included.
      alternatives: other readings of it, less likely; what is only in them is weighed before it counts.
      paused: silence had begun at its end: what was said was said to its end, whether or not the sentence goes on.
    """

    channel: str
    committed: tuple[Word, ...] = ()
    tentative: tuple[Word, ...] = ()
    final: bool = False
    until: float = float("inf")
    look: tuple[Word, ...] = ()
    alternatives: tuple[tuple[Word, ...], ...] = ()
    paused: bool = False

    @property
    def since(self) -> float:
        """Second of call audio from which on it tells what was said: what was settled earlier ends there."""
        news = (*self.committed, *self.tentative)
        return news[0].start if news else self.look[-1].end if self.look else inf


@dataclass(frozen=True, slots=True)
class SoundHit:
    """A phrase of the lexicon that was heard in the sound of speech itself.

    Attributes:
      use: what the phrase is to which rule.
      start, end: seconds of call audio.
      score: nats lost for each of its units against what was heard best; 0 at most.
      confidence: how probable it is that the phrase was spoken, 0 to 1.
      sure: the sound alone is enough.
    """

    use: Use
    start: float
    end: float
    score: float
    confidence: float
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Denial:
    """A place at which something was heard that may deny what is beside it.

    Attributes:
      start, end: seconds of call audio.
      short: it is a single syllable, which denies only what is very near.
    """

    start: float
    end: float
    short: bool = False


@dataclass(frozen=True, slots=True)
class SoundLook:
    """What one more look at a channel's sound found.

    Attributes:
      hits: all phrases that may have been spoken in it; the same again as long as looks hold them.
      until: seconds of call audio at which the look ended.
      paused: silence had begun at its end.
      denials: what may have been said that denies what is beside it.
      start: seconds of call audio at which the look began: what was said before that is no part of it.
    """

    channel: str
    hits: tuple[SoundHit, ...]
    until: float
    paused: bool = False
    denials: tuple[Denial, ...] = ()
    start: float = -inf


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
    WHISPER = "whisper"
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
    """A question to whoever has the audio: was a term spoken there, or what was recognised?

    Attributes:
      id: the candidate's, to be given back with the answer.
      words: those that sound like the term, `before` and `after` what was heard around them.
      term: as in the lexicon.
      distance: between the two by sound, for each of the term's sounds.
      reading: all that was recognised in the look, when the words are from an alternative to it.
      early: whether the term may not have been spoken to its end yet.
      loose: whether the last of the words may be what was said after the term.
    """

    id: str
    channel: str
    before: tuple[Word, ...]
    words: tuple[Word, ...]
    after: tuple[Word, ...]
    term: str
    distance: float
    reading: tuple[Word, ...] = ()
    early: bool = False
    loose: bool = False

    @property
    def start(self) -> float:
        """Seconds of call audio at which the texts begin."""
        return (*self.before, *self.words)[0].start

    @property
    def end(self) -> float:
        """Seconds of call audio at which they end."""
        return (*self.words, *self.after)[-1].end

    @property
    def heard(self) -> tuple[str, ...]:
        """What was recognised, in one reading or two."""
        own = _joined((*self.before, *self.words, *self.after))
        return (_joined(self.reading), own) if self.reading else (own,)

    @property
    def instead(self) -> tuple[str, ...]:
        """The same with the term in the place of what sounds like it, to its last word and, where in doubt, without."""
        whole = self._instead(self.words, self.after)
        if not self.loose or len(self.words) == 1:
            return (whole,)
        return whole, self._instead(self.words[:-1], (self.words[-1], *self.after))

    def _instead(self, words: tuple[Word, ...], after: tuple[Word, ...]) -> str:
        # Between the same spaces and marks.
        said = _joined(words)
        head = said[: len(said) - len(said.lstrip())]
        tail = said[len(said.rstrip(PUNCTUATION)) :]
        return _joined(self.before) + head + self.term + tail + _joined(after)

    def alone(self) -> ScoreRequest:
        """Ask the same of the seconds around the words, which are listened to by themselves.

        What is only in another reading is weighed against what was heard in those seconds; where that was nothing,
        there is no `reading` to weigh it against.
        """
        if not self.reading:
            return self
        first, last = self.words[0].start, self.words[-1].end
        before = tuple(word for word in self.before[-CONTEXT[0] :] if first - word.start < REACH[0])
        after = tuple(word for word in self.after[: CONTEXT[1]] if word.end - last < REACH[1])
        start, end = (*before, *self.words)[0].start, (*self.words, *after)[-1].end
        heard = tuple(word for word in self.reading if start <= (word.start + word.end) / 2 <= end)
        return replace(self, before=before, after=after, reading=heard)

    def within(self, words: Sequence[Word]) -> ScoreRequest | None:
        """Ask the same of all of a hypothesis that holds what was heard; None when it doesn't."""
        if self.reading:
            return self if self.reading == tuple(words) else None
        wanted = [word.text for word in self.words]
        places = [
            at
            for at in range(len(words) - len(wanted) + 1)
            if [word.text for word in words[at : at + len(wanted)]] == wanted
            and abs(words[at].start - self.words[0].start) < SAME_PLACE
        ]
        if not places:
            return None
        at = min(places, key=lambda at: abs(words[at].start - self.words[0].start))
        end = at + len(wanted)
        return replace(self, before=tuple(words[:at]), words=tuple(words[at:end]), after=tuple(words[end:]))


def _joined(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)


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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of a call: from and to, in seconds of call audio."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Fastest:
    """Where somebody spoke fastest, and how fast: characters or words a minute."""

    pace: float
    place: Stretch


@dataclass(frozen=True, slots=True)
class CallMetrics:
    """What a call's conduct comes to; `detector.conduct` says how it is measured.

    Attributes:
      talk_seconds: by channel, in which somebody speaks there.
      talk_ratio: by channel, its share of all talk, 0 to 1; None where nobody speaks, and in a call of one channel.
      silence_seconds: in which nobody speaks, from the first word on.
      longest_silence: at one go; None where there is none.
      overlap_seconds: in which two speak at once.
      pace: by channel, characters or words a minute of own speech; None with too little of it.
      fastest: by channel, the fastest stretch of own speech; None with too little of it.
      unit: what pace counts, `characters` or `words`.
    """

    talk_seconds: Mapping[str, float]
    talk_ratio: Mapping[str, float | None]
    silence_seconds: float
    longest_silence: Stretch | None
    overlap_seconds: float
    pace: Mapping[str, float | None]
    fastest: Mapping[str, Fastest | None]
    unit: str

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON has it; numbers are rounded to three digits."""
        longest = self.longest_silence
        return {
            "talk_seconds": _rounded(self.talk_seconds),
            "talk_ratio": _rounded(self.talk_ratio),
            "silence_seconds": round(self.silence_seconds, 3),
            "longest_silence": None if longest is None else {"seconds": round(longest.seconds, 3), **_placed(longest)},
            "overlap_seconds": round(self.overlap_seconds, 3),
            "pace": _rounded(self.pace),
            "fastest": {
                channel: None if one is None else {"pace": round(one.pace, 3), **_placed(one.place)}
                for channel, one in self.fastest.items()
            },
            "unit": self.unit,
        }


def _placed(place: Stretch) -> dict[str, float]:
    return {"from": round(place.start, 3), "to": round(place.end, 3)}


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 3) for name, value in values.items()}
