"""One recording, from its audio to what was found in it: the same detector as in a live call, fed more at once. Pure.

`push` gives windows to recognise, `heard` takes what was heard in them, in the order in which they came, and gives
questions of likelihood; `scored` takes their answers, before the next window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.detector import Detector
from detector.masking import Masked, Masker, mask
from detector.policy import ACTIONS
from detector.types import Missing, Reaction, ScoreRequest, SoundLook, Status, TranscriptUpdate, Violation, Word
from lexicon.compiler import Table
from streamer.audio import Resampler
from streamer.channel import AFTER, BEFORE
from streamer.recognition.agreement import OVERLAP, ROUGH_OVERLAP, Agreement
from streamer.recognition.coverage import wordless
from streamer.recognition.recognizer import Hypothesis, Scoring, Window
from streamer.recognition.sounds.search import SoundSearch
from streamer.recognition.vad import SpeechModel
from streamer.scan.cutting import Cut, Cutter
from streamer.scan.results import Found, Line

PAUSE = 1.0
"""Seconds of silence that end a line of the transcript."""
AROUND = 60
"""Characters on either side of what was found that are told with it."""
URGENT = -1.0
"""The deadline of questions: before all windows."""
WORD = 0.1
"""Seconds that no word is shorter than."""
HELD = 2
"""Windows of a channel whose audio is kept: what was found in the last may be weighed when the next is there."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    cut: Cut
    words: tuple[Word, ...]
    trace: object


@dataclass(slots=True)
class _Channel:
    cutter: Cutter
    resampler: Resampler
    agreement: Agreement
    masker: Masker = field(default_factory=Masker)
    looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=HELD))
    spans: list[tuple[float, float]] = field(default_factory=list)
    said: list[Word] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    silenced: list[tuple[float, float]] = field(default_factory=list)
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What was found in a recording; the fields are as in `streamer.scan.results.Scanned`."""

    duration: float
    speech_seconds: float
    unheard_seconds: float
    found: tuple[Found, ...]
    undisclosed: tuple[Missing, ...]
    metrics: Mapping[str, Any]
    silenced: Mapping[str, tuple[tuple[float, float], ...]]
    transcript: tuple[Line, ...]


class Listening:
    """Listens to one recording.

    Args:
      name: of the recording, for jobs.
      channels: the legs, in the order of the samples' columns.
      sample_rate: hertz.
      speech_model: makes one for a channel.
      word_times: whether the recogniser says when words were spoken.
      search: finds the lexicon's phrases in sounds; None where the recogniser hears none.
    """

    def __init__(
        self,
        name: str,
        channels: Sequence[str],
        sample_rate: int,
        table: Table,
        speech_model: Callable[[], SpeechModel],
        *,
        word_times: bool = True,
        search: SoundSearch | None = None,
    ) -> None:
        self._name = name
        self._search = search
        self._rate = sample_rate
        self._language = table.language
        self._detector = Detector(table, ACTIONS, once=True)
        overlap = OVERLAP if word_times else ROUGH_OVERLAP
        self._channels = {
            channel: _Channel(Cutter(channel, speech_model()), Resampler(sample_rate), Agreement(channel, overlap))
            for channel in channels
        }
        self._violations: dict[str, Violation] = {}
        self._unheard = 0.0

    def push(self, samples: NDArray[np.float32]) -> list[Cut]:
        """Take in samples of all channels, float32 of shape (samples, channels); give the windows that are full."""
        cuts: list[Cut] = []
        for column, channel in enumerate(self._channels.values()):
            channel.samples += len(samples)
            cuts += channel.cutter.push(channel.resampler.push(np.ascontiguousarray(samples[:, column])))
        return cuts

    def finish(self) -> list[Cut]:
        """The audio has ended: give what is left to recognise."""
        cuts: list[Cut] = []
        for channel in self._channels.values():
            cuts += [*channel.cutter.push(channel.resampler.flush()), *channel.cutter.finish()]
        return cuts

    def window(self, cut: Cut) -> Window:
        """Give a cut as a job for the recogniser; its times are from the window's start."""
        number, language = cut.number, self._language
        search = self._search is not None and self._search.covers(cut.channel)
        spoken = cut.spoken
        return Window(
            self._name, cut.channel, number, cut.audio, 0.0, language, final=True, speech=spoken, sounds=search
        )

    def search(self, cut: Cut, hypothesis: Hypothesis | None) -> SoundLook | None:
        """Find what the sound of a window holds, in seconds from its start; in any thread, since it takes a while."""
        if self._search is None or hypothesis is None or hypothesis.sounds is None:
            return None
        return self._search(hypothesis.sounds, cut.channel, paused=True)

    def heard(self, cut: Cut, hypothesis: Hypothesis | None, sounds: SoundLook | None = None) -> list[Scoring]:
        """Take in what was heard in a window; None where it could not be recognised.

        Args:
          sounds: what the window's sound holds, in seconds from the window's start, where anybody hears that.

        Returns:
          the questions to be answered by `scored` before the next window.
        """
        channel = self._channels[cut.channel]
        if sounds is not None:
            self._told(self._detector.sounded(_placed(sounds, cut)))
        if hypothesis is None or hypothesis.rejected or hypothesis.foreign:
            self._unheard += cut.speech
        else:
            self._unheard += sum(end - start for start, end in wordless(cut.spoken, hypothesis.words))
        if hypothesis is None or hypothesis.rejected:
            # What was left to this window stands as it was heard, and what comes next continues nothing.
            rest = channel.agreement.rest()
            channel.said += rest
            self._keep(channel, channel.masker.push(rest, cut.pieces[-1].end))
            return self._told(self._detector.update(TranscriptUpdate(cut.channel, rest, final=True)))
        placed = cut.placed(hypothesis.words)
        look = tuple(word for words in placed for word in words)
        channel.looks.append(_Look(cut, look, hypothesis.trace))
        questions: list[Scoring] = []
        committed: list[Word] = []
        for piece, words in zip(cut.pieces, placed, strict=True):
            update = channel.agreement.heard(words, until=piece.end, settles=piece.settles, final=piece.closes)
            committed += update.committed
            channel.said += update.committed
            # Nothing more is heard of this piece: what is left to the next window stands there.
            settled = replace(update, tentative=(), look=look)
            questions += self._told(self._detector.update(settled))
            self._keep(channel, channel.masker.push(update.committed, piece.end))
        if hypothesis.alternatives:
            others = tuple(
                tuple(word for words in cut.placed(one) for word in words) for one in hypothesis.alternatives
            )
            ended = cut.pieces[-1].closes
            reading = TranscriptUpdate(
                cut.channel, tuple(committed), (), ended, cut.pieces[-1].end, look=look, alternatives=others
            )
            questions += self._told(self._detector.reread(reading))
        return questions

    def scored(self, question: Scoring, likelihoods: Sequence[float] | None) -> list[Scoring]:
        """Take in how likely each of a question's texts is; None where that could not be told."""
        if likelihoods is None:
            return self._told(self._detector.unscored(question.request_id))
        return self._told(self._detector.scored(question.answer(likelihoods)))

    def account(self) -> Heard:
        """Say what was found, when all windows have been heard."""
        for channel in self._channels.values():
            self._keep(channel, channel.masker.flush())
            channel.spans += channel.cutter.spans
            channel.cutter.spans = []
        duration = max(channel.samples for channel in self._channels.values()) / self._rate
        conduct = self._detector.conduct([*self._channels])
        speech = {name: channel.spans for name, channel in self._channels.items()}
        metrics = conduct.whole(speech, {name: channel.said for name, channel in self._channels.items()}, duration)
        passed = self._detector.passed(conduct.news())
        self._told(passed)
        measured = {decision.violation.id for decision in passed.decisions}
        fired = [one for one in self._violations.values() if one.status in {Status.FIRED, Status.CONFIRMED}]
        fired.sort(key=lambda one: (one.start, one.end, one.channel, one.rule_id))
        return Heard(
            duration=duration,
            speech_seconds=sum(end - start for one in self._channels.values() for start, end in one.spans),
            unheard_seconds=self._unheard,
            found=tuple(
                self._found(f"v-{number}", violation, said=violation.id not in measured)
                for number, violation in enumerate(fired, 1)
            ),
            undisclosed=tuple(self._detector.finish()),
            metrics=metrics.to_json(),
            silenced={name: _joined(channel.silenced) for name, channel in self._channels.items()},
            transcript=self._transcript(),
        )

    def _told(self, reaction: Reaction) -> list[Scoring]:
        for decision in reaction.decisions:
            self._violations[decision.violation.id] = decision.violation
        return [self._question(request) for request in reaction.requests]

    def _question(self, request: ScoreRequest) -> Scoring:
        """Ask about a window that holds all of what was heard, where there is one: it need not be listened to again."""
        looks = self._channels[request.channel].looks
        for look in reversed(looks):
            again = request.within(look.words) if look.trace is not None else None
            if again is not None:
                return self._scoring(again, look.cut.audio, look.trace)
        alone = request.alone()
        unlike = bool(request.reading) and not alone.reading
        pieces = [] if unlike else [look.cut.excerpt(alone.start - BEFORE, alone.end + AFTER) for look in looks]
        audio = max(pieces, key=len, default=np.zeros(0, dtype=np.float32))
        return self._scoring(alone, audio, None)

    def _scoring(self, request: ScoreRequest, audio: NDArray[np.float32], trace: object) -> Scoring:
        channel, texts = request.channel, (request.heard, request.instead)
        return Scoring(self._name, channel, request.id, audio, self._language, *texts, URGENT, trace)

    def _keep(self, channel: _Channel, masked: Masked) -> None:
        channel.words += masked.words
        channel.silenced += masked.spans

    def _found(self, name: str, violation: Violation, *, said: bool) -> Found:
        """Put a violation as it is told.

        Args:
          said: whether it is in words; else it was measured.
        """
        heard = mask(violation.heard).strip() if said else violation.heard
        return Found(
            violation_id=name,
            channel=violation.channel,
            rule_id=violation.rule_id,
            category=violation.category,
            severity=violation.severity,
            term=violation.term,
            heard=heard,
            match=violation.match,
            confidence=violation.confidence,
            start=violation.start,
            end=violation.end,
            text=self._around(violation) if said else heard,
            say_instead=violation.say_instead,
        )

    def _around(self, violation: Violation) -> str:
        """Give what was said around a violation."""
        words = self._channels[violation.channel].words
        start, end = violation.start, violation.end
        inside = [at for at, word in enumerate(words) if start <= (word.start + word.end) / 2 <= end]
        if not inside:
            return mask(violation.heard).strip()
        first, last = inside[0], inside[-1]
        before, own, after = (
            "".join(word.text for word in some)
            for some in (words[max(0, first - AROUND) : first], words[first : last + 1], words[last + 1 :][:AROUND])
        )
        return (before[-AROUND:] + own + after[:AROUND]).strip()

    def _transcript(self) -> tuple[Line, ...]:
        lines = [line for name, channel in self._channels.items() for line in _lines(name, channel.words)]
        return tuple(sorted(lines, key=lambda line: (line.start, line.channel)))


def _joined(spans: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Join spans with less than a word between them: a number is spoken digit by digit."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] < WORD:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)


def _lines(channel: str, words: Sequence[Word]) -> list[Line]:
    lines: list[list[Word]] = []
    for word in words:
        if lines and word.start - lines[-1][-1].end < PAUSE:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [Line(channel, "".join(word.text for word in line).strip(), line[0].start, line[-1].end) for line in lines]


def _placed(look: SoundLook, cut: Cut) -> SoundLook:
    """Put what the sound of a window holds where it is in the recording; what goes over a seam was never said."""
    hits = [(hit, place) for hit in look.hits if (place := cut.located(hit.start, hit.end)) is not None]
    denials = [(cue, place) for cue in look.denials if (place := cut.located(cue.start, cue.end)) is not None]
    return replace(
        look,
        hits=tuple(replace(hit, start=start, end=end) for hit, (start, end) in hits),
        start=cut.pieces[0].start,
        until=cut.pieces[-1].end,
        denials=tuple(replace(cue, start=start, end=end) for cue, (start, end) in denials),
    )
