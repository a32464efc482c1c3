"""Labelled calls recognised once on a virtual clock, and replayed through the detector at each level of matching.

A call is listened to as the service would: by text alone, as where no head reads sounds, or with looks at its sound,
as where one does; text is then looked at at leisure. Only how long a look takes is made up, and nothing is looked at
sooner for what was found: that is up to a detector, and there are several.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls import LabelledCall
from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Decision, Score, ScoreRequest, SoundLook, TranscriptUpdate, Violation, Word
from lexicon.compiler import Table
from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler, decode, encode
from streamer.channel import AFTER, BEFORE, Channel
from streamer.recognition.recognizer import Recognizer, Scoring, Window
from streamer.recognition.sounds.search import SoundSearch
from streamer.recognition.vad import SileroModel

FRAME = 0.02
TAKES, SOUND_TAKES = 0.2, 0.04
"""Seconds of the virtual clock that a look at text takes, and one at sound: about what they take on two cores."""
SAME_SOUND = 0.07
IMPOSSIBLE = -1000.0
LEVELS = ("text", "+ phonetic", "+ near miss", "+ verification", "+ sounds")


@dataclass(frozen=True, slots=True)
class Look:
    """What one window changed, all that was heard in it, and its audio."""

    update: TranscriptUpdate
    words: tuple[Word, ...]
    audio: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as it was recognised, look by look, and its channels' audio at 16 kHz."""

    call: LabelledCall
    looks: Sequence[Look | SoundLook]
    audio: dict[str, NDArray[np.float32]]

    @property
    def agreed(self) -> dict[str, str]:
        """The text that was committed, by channel."""
        texts = dict.fromkeys(self.audio, "")
        for look in self.looks:
            if isinstance(look, Look):
                texts[look.update.channel] += "".join(word.text for word in look.update.committed)
        return texts


Answer = Callable[[ScoreRequest, Look], Score]


def listen(recognizer: Recognizer, call: LabelledCall, search: SoundSearch | None = None) -> Heard:
    """Recognise a call as the service would, on a virtual clock.

    Args:
      search: finds the lexicon's phrases in sounds; None where they are looked for in text only.
    """
    recording = recordings.read(call.path)
    looks: list[tuple[float, Look | SoundLook]] = []
    audio = {}
    for column, name in enumerate(recording.channels):
        samples = np.ascontiguousarray(recording.samples[:, column])
        resampler = Resampler(recording.sample_rate)
        received = resampler.push(decode(encode(samples, recording.encoding), recording.encoding))
        audio[name] = np.concatenate([received, resampler.flush()])
        heard_by = search if search is not None and search.covers(name) else None
        sounds = heard_by is not None
        channel = Channel(name, recording.encoding, recording.sample_rate, SileroModel(), sounds=sounds)
        mono = replace(recording, samples=samples[:, None], channels=(name,))
        looks += _listen_to(recognizer, channel, deque(mono.frames(FRAME)), call.language, heard_by)
    return Heard(call, [look for _, look in sorted(looks, key=lambda one: one[0])], audio)


def _listen_to(
    recognizer: Recognizer, channel: Channel, frames: deque[bytes], language: str, search: SoundSearch | None
) -> Iterator[tuple[float, Look | SoundLook]]:
    due, now = 0.0, 0.0
    excerpt, sounded = None, None
    while True:
        if frames:
            channel.receive(frames.popleft())
            if not frames:
                channel.finish()
            if (portion := channel.portion()) is not None:
                channel.take(portion.process())
        now += FRAME
        if sounded is not None and now >= sounded[0]:
            channel.looked()
            yield now, sounded[1]
            sounded = None
        if search is not None and channel.claim_look() and (look := channel.next_look()) is not None:
            audio = channel.audio(look.start, look.end)
            (sounds,) = recognizer.hear([Window("", channel.name, 0, audio, look.start, language, thorough=False)])
            sounded = now + SOUND_TAKES, search(sounds, channel.name, paused=look.paused)
        if excerpt is not None and now >= due:
            final, speech = excerpt.plan.final, excerpt.speech
            window = Window("", channel.name, 0, excerpt.audio, excerpt.start, language, final=final, speech=speech)
            (hypothesis,) = recognizer.recognize([window])
            yield now, Look(channel.heard(hypothesis)[0], hypothesis.words, excerpt.audio)
            excerpt = None
        if excerpt is None and (excerpt := channel.next()) is not None:
            due = now + TAKES
        if not frames and excerpt is None and sounded is None and channel.idle:
            return


def replay(heard: Heard, table: Table, answer: Answer) -> list[Violation]:
    """Run what was heard of a call through a detector; give what is blocked when all is said."""
    detector = Detector(table, ACTIONS)
    blocked: dict[str, Violation] = {}
    for look in heard.looks:
        decisions = _told(detector, look, answer)
        for decision in decisions:
            if decision.action is not None:
                blocked[decision.violation.id] = decision.violation
    return list(blocked.values())


def _told(detector: Detector, look: Look | SoundLook, answer: Answer) -> list[Decision]:
    if isinstance(look, SoundLook):
        return list(detector.sounded(look).decisions)
    decisions, requests = list[Decision](), list[ScoreRequest]()
    for reaction in (detector.update(look.update), detector.reread(look.update)):
        decisions += reaction.decisions
        requests += reaction.requests
    for request in requests:
        decisions += detector.scored(answer(request, look)).decisions
    return decisions


def weigh(recognizer: Recognizer, heard: Heard) -> Answer:
    """Answer as the service does, from the audio."""

    def answer(request: ScoreRequest, look: Look) -> Score:
        again = request.within(look.words)
        start, end = (round(max(0.0, at) * SAMPLE_RATE) for at in (request.start - BEFORE, request.end + AFTER))
        audio = look.audio if again else heard.audio[request.channel][start:end]
        texts = again or request.alone()
        question = Scoring("", "", request.id, audio, heard.call.language, texts.heard, texts.instead, 0.0)
        (likelihoods,) = recognizer.score([question])
        return question.answer(likelihoods)

    return answer


def levels(
    table: Table, plain: Heard, weighed: Answer, sounded: tuple[Heard, Answer] | None
) -> dict[str, list[Violation]]:
    """Give what is blocked in a call at each level, the last only where its sounds were looked at.

    Args:
      plain: the call heard by its text alone, and `weighed` from that.
      sounded: the same where its sounds were looked at, too.
    """

    def by_distance(most: float) -> Answer:
        return lambda request, _: Score(request.id, 0.0, 0.0 if request.distance <= most else IMPOSSIBLE)

    blocked = [
        replay(plain, replace(table, sounds=None), by_distance(-1)),
        replay(plain, table, by_distance(SAME_SOUND)),
        replay(plain, table, by_distance(1)),
        replay(plain, table, weighed),
    ]
    if sounded is not None:
        blocked.append(replay(sounded[0], table, sounded[1]))
    return dict(zip(LEVELS, blocked, strict=False))
