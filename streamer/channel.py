"""One channel of a call: from bytes on the wire to windows, and from hypotheses to committed words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.conduct import Change, Voice
from detector.types import ScoreRequest, TranscriptUpdate
from streamer.audio import SAMPLE_RATE, RingBuffer
from streamer.front_end import End, FrontEnd, Input, Lost, Missing, Portion, Processed, Sound
from streamer.recognition.agreement import OVERLAP, Agreement
from streamer.recognition.recognizer import Hypothesis
from streamer.recognition.vad import FRAME, SpeechEnded, SpeechModel, SpeechStarted
from streamer.recognition.windows import Plan, WindowPlanner
from streamer.types import Blind, Encoding

REMEMBERED = 8.0
"""Seconds of audio kept after recognition is done with them: terms are weighed against them."""
BUFFER = 30
"""Seconds of audio kept for recognition that has fallen behind."""
KEPT = 5
"""Seconds of it kept when it has fallen behind by more: a block that late stops nobody, fresh speech matters."""
LEAD_IN, ROOM = 3.0, 10.0
"""Seconds of what was said before that lead in to a window which begins with speech, and of both together at most.

Joined to it without the pause between: a recogniser hears a sentence better that continues another."""
BEFORE, AFTER = 0.15, 0.2
"""Seconds of audio around words that are weighed: their times are that exact."""
RETRY = 1.0
"""Seconds of audio that come together after some could not be processed: a report for each frame would be none."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """What a window is to hold.

    Attributes:
      audio: float32 at 16 kHz: the plan's, after what leads in to it.
      start: seconds of call audio at which it would begin, were there no pause after the lead-in.
    """

    plan: Plan
    audio: NDArray[np.float32]
    start: float


class Channel:
    """What is known of one channel's audio.

    Every second received ends up either monitored or blind; until then it is waiting to be processed or recognised.

    What comes in is only noted. `portion` hands it out to be processed, anywhere; `take` takes in what came of it.

    Args:
      name: the leg, `agent` or `customer`.
      encoding, sample_rate: of the audio on the wire.
      speech: tells speech from silence; this channel's own.
      overlap: seconds by which the recogniser may place a word differently in two windows.
    """

    def __init__(
        self, name: str, encoding: Encoding, sample_rate: int, speech: SpeechModel, overlap: float = OVERLAP
    ) -> None:
        self.name = name
        self.sample_rate = sample_rate
        self._width = encoding.width
        self._front_end = FrontEnd(encoding, sample_rate, speech)
        self._inputs: list[Input] = []
        # Samples of audio in them, at the wire's rate.
        self._held = 0
        self._processing = False
        self._wanted = 0.0
        self._paused: float | None = None
        self._buffer = RingBuffer(BUFFER * SAMPLE_RATE)
        self._changes: list[Change] = []
        self._planner = WindowPlanner()
        self._agreement = Agreement(name, overlap)
        self._in_flight: Excerpt | None = None
        self._claimed = False
        self._eager = False
        self._failures = 0
        self._samples = 0
        self._last = Hypothesis(())
        self._last_audio = self._said = np.zeros(0, dtype=np.float32)
        self._said_until = 0.0
        self.blind = 0.0
        self.windows = 0

    @property
    def received(self) -> float:
        """Seconds of call audio received."""
        return self._samples / self.sample_rate

    @property
    def processed(self) -> float:
        """Seconds of it that were processed."""
        return self._buffer.end / SAMPLE_RATE

    @property
    def monitored(self) -> float:
        """Seconds of call audio that were recognised, or were silent."""
        return max(0.0, min(self._planner.heard, self.received) - self.blind)

    @property
    def listened(self) -> float:
        """Seconds of call audio up to which nothing waits to be recognised any more: heard, silent, or given up."""
        return self._planner.heard

    @property
    def ending(self) -> bool:
        """Whether speech has ended that was not heard to its end."""
        return self._planner.ending

    @property
    def eager(self) -> bool:
        """Whether a term may be on somebody's lips here."""
        return self._eager

    @property
    def waiting(self) -> float:
        """Seconds of speech that no window has heard."""
        return max(0.0, self.processed - max(self._planner.heard, self._in_flight.plan.end if self._in_flight else 0.0))

    @property
    def idle(self) -> bool:
        """Whether there is nothing to process or recognise, and no window in flight."""
        waiting = self._inputs or self._processing
        return not waiting and self._planner.idle and self._in_flight is None

    def receive(self, payload: bytes) -> None:
        """Note whole samples that follow the last ones."""
        if self._held > BUFFER * self.sample_rate:
            gaps = [one for one in self._inputs if isinstance(one, Lost)]
            self._inputs, self._held = [*gaps, Lost(self._held, "processing fell behind")], 0
        samples = len(payload) // self._width
        self._samples += samples
        self._held += samples
        self._inputs.append(payload)

    def skip(self, samples: int, reason: str | None) -> None:
        """Go on after samples that are lost; what is being said ends before them.

        Args:
          samples: how many, at the wire's rate; 0 where only the platform's silence begins.
          reason: why they are lost, for people; None where there was nothing to hear.
        """
        self._samples += samples
        self._inputs.append(Lost(samples, reason))

    def finish(self) -> None:
        """The audio has ended."""
        self._wanted = 0.0
        self._inputs.append(End())

    def portion(self) -> Portion | None:
        """Hand out what has come in; None where there is nothing, or where what was handed out before is not back."""
        if self._processing or not self._inputs or self.received < self._wanted:
            return None
        self._processing = True
        inputs, self._inputs, self._held = self._inputs, [], 0
        return Portion(self.name, self._front_end, inputs)

    def take(self, processed: Sequence[Processed]) -> tuple[list[Blind], list[Blind]]:
        """Take in what was made of the portion handed out.

        Returns:
          what had to be given up for it, as recognition fell behind; and what never came or could not be processed.
        """
        self._processing = False
        given_up: list[Blind] = []
        missing: list[Blind] = []
        for one in processed:
            if isinstance(one, Sound):
                given_up += self._hear(one)
            else:
                missing += self._miss(one)
        return given_up, missing

    def speech(self) -> tuple[list[Change], float]:
        """Give how speech began and ended since this was last asked, and up to which second of call audio that is all.

        The last frame waits for its end, and speech that has paused may go on.
        """
        changes, self._changes = self._changes, []
        known = max(0, self._buffer.end - FRAME) / SAMPLE_RATE
        return changes, known if self._paused is None else min(known, self._paused)

    def awaits(self, number: int) -> bool:
        """Whether the window of a number is in flight: what else is answered was answered before, or given up."""
        return self._in_flight is not None and number == self.windows

    def claim(self) -> bool:
        """Ask for a turn at the recogniser if a window is due and none was asked for; `next` takes it."""
        if self._claimed or not self._planner.due:
            return False
        self._claimed = True
        return True

    def next(self, *, in_time: bool = True) -> Excerpt | None:
        """Give the window that is due, if one is; it must be answered by `heard` or `failed`.

        Args:
          in_time: whether there is time to hear what leads in to it.
        """
        self._claimed = False
        plan = self._planner.next()
        if plan is None:
            return None
        audio = self.audio(plan.start, plan.end)
        lead_in = self._lead_in(plan) if in_time else audio[:0]
        self._in_flight = Excerpt(plan, np.concatenate([lead_in, audio]), plan.start - len(lead_in) / SAMPLE_RATE)
        self.windows += 1
        return self._in_flight

    def audio(self, start: float, end: float) -> NDArray[np.float32]:
        """Read the samples from `start` to `end` seconds, as far as they are still known: float32 at 16 kHz."""
        last = max(min(round(end * SAMPLE_RATE), self._buffer.end), self._buffer.start)
        return self._buffer.read(min(max(round(start * SAMPLE_RATE), self._buffer.start), last), last)

    def evidence(self, request: ScoreRequest) -> tuple[ScoreRequest, NDArray[np.float32], object]:
        """Give what a likelihood is told from: the request that fits it, audio, and the recogniser's trace of it.

        The last window, if it holds what was heard: then nothing need be listened to again. No audio where it is asked
        for too late, and not held any more.
        """
        again = request.within(self._last.words) if self._last.trace is not None else None
        if again is not None:
            return again, self._last_audio, self._last.trace
        alone = replace(request, reading=())
        return alone, self.audio(alone.start - BEFORE, alone.end + AFTER), None

    def expect(self, eager: bool) -> None:
        """Look sooner from now on, since a term may be on somebody's lips; or no more."""
        self._eager = eager
        self._planner.expect(eager)

    def heard(self, hypothesis: Hypothesis) -> tuple[TranscriptUpdate, list[Blind]]:
        """Take in what was heard in the window in flight."""
        excerpt = self._landed()
        plan = excerpt.plan
        self._failures = 0
        self._last, self._last_audio = hypothesis, excerpt.audio
        seam = plan.start if excerpt.start < plan.start else 0.0
        # What follows it may have been given up meanwhile: then no second look comes.
        last = self._planner.heard > plan.end
        settles, final = (plan.end, True) if last else (plan.settles, plan.final)
        update = self._agreement.heard(hypothesis.words, until=plan.end, settles=settles, final=final, seam=seam)
        if plan.final and hypothesis.words:
            self._keep(excerpt)
        update = replace(update, paused=plan.paused, look=hypothesis.words, alternatives=hypothesis.alternatives)
        unheard = max(self._planner.heard, plan.start)
        self._planner.settled(self._agreement.settled)
        trouble = hypothesis.rejected or (hypothesis.foreign and f"spoken in {hypothesis.foreign}")
        if trouble and plan.final:
            return update, self._lose(unheard, min(plan.end, self.received), trouble)
        return update, []

    def failed(self, reason: str = "recognition failed") -> list[Blind]:
        """The window in flight was not recognised: it is tried once more, then given up."""
        plan = self._landed().plan
        self._failures += 1
        self._planner.failed()
        return self.give_up(reason, plan.end) if self._failures > 1 else []

    def rest(self) -> TranscriptUpdate:
        """Settle what was heard last: what comes next is not heard, and continues nothing."""
        return TranscriptUpdate(self.name, self._agreement.rest(), final=True)

    def give_up(self, reason: str, until: float | None = None) -> list[Blind]:
        """Recognise nothing before `until` (or of all that was processed) that no window holds yet."""
        span = self._planner.skip(self.processed if until is None else min(until, self.received))
        return self._lose(*span, reason) if span else []

    def abandon(self, reason: str) -> list[Blind]:
        """Recognise nothing more: nothing that waits, and not even the window in flight."""
        self._inputs = []
        self._processing = False
        self._in_flight = None
        self._planner.failed()
        return self.give_up(reason, self.received)

    def _landed(self) -> Excerpt:
        assert self._in_flight is not None
        excerpt, self._in_flight = self._in_flight, None
        return excerpt

    def _lead_in(self, plan: Plan) -> NDArray[np.float32]:
        """Give the last of what was said before, for a window that nothing else comes before."""
        room = min(LEAD_IN, ROOM - (plan.end - plan.start))
        if not plan.fresh or room <= 0:
            return self._said[:0]
        again = max(0, round((self._said_until - plan.start) * SAMPLE_RATE))
        return self._said[: len(self._said) - again][-int(room * SAMPLE_RATE) :]

    def _keep(self, excerpt: Excerpt) -> None:
        """Keep the end of what was said, to lead in to what comes next."""
        plan = excerpt.plan
        said = np.concatenate([self._lead_in(plan), excerpt.audio[round((plan.start - excerpt.start) * SAMPLE_RATE) :]])
        self._said, self._said_until = said[-int(LEAD_IN * SAMPLE_RATE) :], plan.end

    def _hear(self, sound: Sound) -> list[Blind]:
        lost: list[Blind] = []
        end = self._buffer.end + len(sound.samples)
        if end - self._buffer.start > BUFFER * SAMPLE_RATE < end - int(self._planner.needed * SAMPLE_RATE):
            lost = self.give_up("recognition fell behind", self.processed - KEPT)
        self._buffer.append(sound.samples)
        self._note(sound.speech)
        self._paused = sound.paused
        self._planner.audio_received(self.processed, self._paused)
        done = min(self._planner.needed, self.processed - REMEMBERED)
        self._buffer.discard(max(0, int(done * SAMPLE_RATE)))
        return lost

    def _miss(self, missing: Missing) -> list[Blind]:
        lost: list[Blind] = []
        self._note(missing.speech)
        if self._buffer.end + missing.samples - int(self._planner.needed * SAMPLE_RATE) > BUFFER * SAMPLE_RATE:
            lost = self.give_up("recognition fell behind", missing.start)
        self._buffer.skip(missing.samples)
        self._paused = None
        self._planner.audio_received(self.processed)
        if missing.error is not None:
            self._wanted = self.received + RETRY
        if missing.reason is None:
            return lost
        self._changes += [(missing.start, Voice.UNHEARD), (missing.end, Voice.SILENT)]
        return [*lost, *self._lose(missing.start, missing.end, missing.reason)]

    def _note(self, events: Sequence[SpeechStarted | SpeechEnded]) -> None:
        for event in events:
            if isinstance(event, SpeechStarted):
                self._planner.speech_started(event.at)
                self._changes.append((event.at, Voice.SPEAKING))
            else:
                self._planner.speech_ended(event.at)
                self._changes.append((event.at, Voice.SILENT))

    def _lose(self, start: float, end: float, reason: str) -> list[Blind]:
        if end <= start:
            return []
        self.blind += end - start
        return [Blind(self.name, start, end, reason)]
