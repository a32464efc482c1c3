"""A call as the service hears it, on a virtual clock: only how long a look takes is made up."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import SoundLook, Status, Violation
from lexicon.compiler import Table
from streamer import recordings
from streamer.audio import encode
from streamer.call import Call, CallState
from streamer.recognition.recognizer import Hypothesis, Recognizer, Turn, Window
from streamer.recognition.sounds.search import live_search_of
from streamer.recognition.vad import SileroModel
from streamer.types import AudioFrame, CallStarted, Outgoing, Stopped, ViolationReport
from tests.streamer.calls_in_hand import receive, stop

FRAME = 0.02
TAKES, SOUND_TAKES = 0.2, 0.04
"""Seconds that a look at text takes, and one at sound: about what they take on two cores."""


class Line:
    """Plays a recording to a call, and gives it the recogniser's answers when they would be there."""

    def __init__(self, recognizer: Recognizer, path: Path, language: str, table: Table) -> None:
        self.events: list[Outgoing] = []
        self._recognizer = recognizer
        self._recording = recordings.read(path)
        self._now = 0.0
        started = CallStarted(
            path.stem, self._recording.encoding, self._recording.sample_rate, self._recording.channels, language
        )
        self._call = Call(
            started,
            language=language,
            detector=Detector(table, ACTIONS),
            speech_models={name: SileroModel() for name in started.channels},
            clock=lambda: self._now,
            search=live_search_of(table, recognizer.abilities(language).sounds),
        )
        self._turns: deque[Turn] = deque()
        self._looking: tuple[float, Window, Hypothesis] | None = None
        self._listening: deque[tuple[float, str, SoundLook | None]] = deque()

    def play(self) -> None:
        """Play it to its end."""
        step = round(FRAME * self._recording.sample_rate)
        samples = self._recording.samples
        for at in range(0, len(samples), step):
            for column, name in enumerate(self._recording.channels):
                payload = encode(samples[at : at + step, column], self._recording.encoding)
                self.events += receive(self._call, AudioFrame(name, at, payload))
            self._tick()
        self.events += stop(self._call)
        while self._call.state is not CallState.OVER:
            self._tick()

    def _tick(self) -> None:
        self._now += FRAME
        while self._listening and self._now >= self._listening[0][0]:
            self.events += self._call.looked(*self._listening.popleft()[1:])
        if self._looking is not None and self._now >= self._looking[0]:
            _, looked_at, hypothesis = self._looking
            self._looking = None
            self.events += [*self._call.heard(looked_at, hypothesis), *self._call.reread()]
            self._weigh()
        for channel, look in self._call.listens(self._now).items():
            piece = look.cut()
            found = None if piece is None else look.search(self._recognizer.hear([piece])[0])
            self._listening.append((self._now + SOUND_TAKES, channel, found))
        self._turns.extend(self._call.due(self._now))
        while self._looking is None and self._turns:
            turn = self._turns.popleft()
            window = turn.cut(True)
            if window is not None:
                (hypothesis,) = self._recognizer.recognize([window])
                self._looking = (self._now + TAKES, window, hypothesis)

    def _weigh(self) -> None:
        while questions := self._call.questions(self._now):
            for question in questions:
                if len(question.audio):
                    (likelihoods,) = self._recognizer.score([question])
                    self.events += self._call.scored(question, likelihoods)
                else:
                    self.events += self._call.unscored(question)


def listen(recognizer: Recognizer, path: Path, language: str, table: Table) -> tuple[list[Violation], Stopped]:
    """Give the violations that stand when a call is over, and its account of itself."""
    line = Line(recognizer, path, language, table)
    line.play()
    last = {event.violation.id: event.violation for event in line.events if isinstance(event, ViolationReport)}
    standing = [one for one in last.values() if one.status in {Status.FIRED, Status.CONFIRMED}]
    (account,) = (event for event in line.events if isinstance(event, Stopped))
    return sorted(standing, key=lambda one: one.start), account
