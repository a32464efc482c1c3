"""One channel of a call: from bytes on the wire to windows, and from hypotheses to committed words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf

import numpy as np
from numpy.typing import NDArray

from detector.conduct import Change, Voice
from detector.types import ScoreRequest, TranscriptUpdate
from streamer.audio import SAMPLE_RATE, RingBuffer, flat_code, is_swapped
from streamer.front_end import End, FrontEnd, Input, Lost, Missing, Portion, Processed, Sound
from streamer.recognition.agreement import OVERLAP, Agreement
from streamer.recognition.coverage import wordless
from streamer.recognition.recognizer import Hypothesis
from streamer.recognition.sounds.planner import Look, LookPlanner
from streamer.recognition.vad import FRAME, SpeechEnded, SpeechModel, SpeechStarted
from streamer.recognition.windows import AT_LEISURE, Plan, WindowOptions, WindowPlanner
from streamer.spans import Spans
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
WORDLESS = "speech gave no words"
"""Why speech is blind in which the recogniser heard nothing, however it was asked."""
SWAPPED = 2
"""Seconds in a row of samples in the wrong byte order, after which that is sure."""
TOLD = 1.0
"""Seconds told together, at least, of what goes on being unusable."""
SLIVER = 0.001
"""Seconds below which a span is nothing but rounding."""
BEFORE, AFTER = 0.15, 0.2
"""Seconds of audio around words that are weighed: their times are that exact."""
RETRY = 1.0
"""Seconds of audio that come together after some could not be processed: a report for each frame would be none."""


FLAT = "only digital silence arrives"
SWAPPED_BYTES = "the samples have their bytes in the wrong order: the stream must be little-endian"
BEHIND = "recognition fell behind"


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """What a window is to hold.

    Attributes:
      audio: float32 at 16 kHz: the plan's, after what leads in to it.
      start: seconds of call audio at which it would begin, were there no pause after the lead-in.
      speech: from and to when somebody speaks in it whom no other window will hear, in seconds of call audio.
    """

    plan: Plan
    audio: NDArray[np.float32]
    start: float
    speech: tuple[tuple[float, float], ...] = ()


class Channel:
    """What is known of one channel's audio.

    Every second received ends up heard, silent or blind; until then it is waiting to be processed or recognised.

    What comes in is only noted. `portion` hands it out to be processed, anywhere; `take` takes in what came of it.

    Args:
      name: the leg, `agent` or `customer`.
      encoding, sample_rate: of the audio on the wire.
      speech: tells speech from silence; this channel's own.
      overlap: seconds by which the recogniser may place a word differently in two windows.
      flat_after: seconds of digital silence after which the channel is taken for dead.
      sounds: whether terms are looked for in the sound itself; then there is time for the text.

    Attributes:
      windows: how many were cut.
      missed: whether the last one that was answered held speech that could not be understood.
    """

    def __init__(
        self,
        name: str,
        encoding: Encoding,
        sample_rate: int,
        speech: SpeechModel,
        overlap: float = OVERLAP,
        flat_after: float = inf,
        *,
        sounds: bool = False,
    ) -> None:
        self.name = name
        self.sample_rate = sample_rate
        self._encoding = encoding
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
        self._planner = WindowPlanner(AT_LEISURE if sounds else WindowOptions())
        self._looks = LookPlanner() if sounds else None
        self._look_claimed = False
        self._agreement = Agreement(name, overlap)
        self._in_flight: Excerpt | None = None
        self._claimed = False
        self._eager = False
        self._failures = 0
        self._samples = 0
        self._last = Hypothesis(())
        self._last_audio = self._said = np.zeros(0, dtype=np.float32)
        self._said_until = 0.0
        self._blind, self._told, self._speech, self._excused = Spans(), Spans(), Spans(), Spans()
        self._speaking: float | None = None
        self._flat_after = flat_after
        self._flat_code: bytes | None = None
        self._flat_since: float | None = None
        self._examined = 0
        self._judged = bytearray()
        self._swapped = 0
        self._noted: list[Blind] = []
        self._interrupted = False
        self._asked: float | None = None
        self.windows = 0
        self.missed = False

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
    def blind(self) -> float:
        """Seconds of call audio that were lost to recognition."""
        return self._blind.total

    @property
    def understood(self) -> float:
        """Seconds of speech that were recognised, once nothing waits for recognition."""
        return self._speech.total - self._speech.within(self._blind)

    @property
    def excused(self) -> float:
        """Seconds that did not come since the leg was muted, and that are not blind for another reason."""
        return self._excused.total - self._excused.within(self._blind)

    @property
    def unusable(self) -> bool:
        """Whether what comes at present can't hold speech, or not as it was said."""
        return self._swapped >= SWAPPED or self._is_flat

    @property
    def _is_flat(self) -> bool:
        return self._was_flat(self._examined / self.sample_rate)

    def _was_flat(self, until: float) -> bool:
        """Whether what was examined up to a second was digital silence for too long."""
        return self._flat_since is not None and until - self._flat_since >= self._flat_after

    @property
    def ending(self) -> bool:
        """Whether speech has ended that was not heard to its end."""
        return self._planner.ending

    @property
    def eager(self) -> bool:
        """Whether a term may be on somebody's lips here."""
        return self._eager

    @property
    def sounds(self) -> bool:
        """Whether terms are looked for in its sound."""
        return self._looks is not None

    @property
    def waiting(self) -> float:
        """Seconds of speech that no window has heard."""
        return max(0.0, self.processed - max(self._planner.heard, self._in_flight.plan.end if self._in_flight else 0.0))

    @property
    def quiet(self) -> bool:
        """Whether nobody is speaking, as far as is known, and what was said was recognised."""
        return self._planner.idle and self._in_flight is None

    @property
    def idle(self) -> bool:
        """Whether there is nothing to process or recognise, and no window in flight."""
        waiting = self._inputs or self._processing or (self._looks is not None and not self._looks.idle)
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

    def _judge(self, inputs: Sequence[Input]) -> None:
        """Notice audio that comes and can't be understood: a dead line, bytes in the wrong order."""
        for sound, run in groupby(inputs, key=lambda one: isinstance(one, bytes)):
            if sound:
                self._judge_sound(b"".join(one for one in run if isinstance(one, bytes)))
                continue
            for one in run:
                if isinstance(one, End) or (isinstance(one, Lost) and one.samples and one.reason is None):
                    # What is silent by right is no part of a dead line.
                    self._end_flat(self._examined / self.sample_rate)
                if isinstance(one, Lost):
                    self._examined += one.samples

    def _judge_sound(self, payload: bytes) -> None:
        start = self._examined / self.sample_rate
        self._examined += len(payload) // self._encoding.width
        end = self._examined / self.sample_rate
        code = flat_code(payload, self._encoding)
        if code is None or code != self._flat_code or self._flat_since is None:
            self._end_flat(start)
            self._flat_code, self._flat_since = code, None if code is None else start
        elif end - self._flat_since >= self._flat_after and end - max(self._blind.end, self._flat_since) >= TOLD:
            self._noted += self._lose(self._flat_since, end, FLAT)
        if self._encoding is Encoding.PCM_S16LE:
            self._judge_order(payload, end)

    def _judge_order(self, payload: bytes, end: float) -> None:
        self._judged += payload
        second = self.sample_rate * self._encoding.width
        while len(self._judged) >= second:
            judged = bytes(self._judged[:second])
            del self._judged[:second]
            self._swapped = self._swapped + 1 if is_swapped(judged) else 0
            until = end - len(self._judged) / second
            if self._swapped >= SWAPPED:
                since = until - (SWAPPED if self._swapped == SWAPPED else 1)
                self._noted += self._lose(max(0.0, since), until, SWAPPED_BYTES)

    def _end_flat(self, until: float) -> None:
        if self._flat_since is not None and self._was_flat(until):
            self._noted += self._lose(self._flat_since, until, FLAT)
        self._flat_since = None

    def excuse(self) -> None:
        """What is silent from here on is so by right: the leg is muted."""
        self._flat_since = None

    def is_late(self, now: float, patience: float) -> bool:
        """Whether something waits longer than `patience` seconds for the recogniser."""
        return self._asked is not None and now - self._asked >= patience

    def late(self, now: float, patience: float) -> list[Blind]:
        """Report what has waited too long for the recogniser; it may be heard yet.

        Args:
          now: second of the clock by which turns are claimed.
        """
        if not self.is_late(now, patience):
            return []
        start, end = self._planner.heard, self.received
        return [] if end - max(start, self._told.end) < TOLD else self._tell(start, end, BEHIND)

    def skip(self, samples: int, reason: str | None, told: float = 0.0, *, muted: bool = False) -> None:
        """Go on after samples that are lost; what is being said ends before them.

        Args:
          samples: how many, at the wire's rate; 0 where only the platform's silence begins.
          reason: why they are lost, for people; None where there was nothing to hear.
          told: seconds of them that were told before.
          muted: whether there was nothing to hear since the leg is muted.
        """
        start = self.received
        self._samples += samples
        if reason is not None:
            self._told.add(start, start + told)
        elif muted:
            self._excused.add(start, self.received)
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
        self._judge(inputs)
        return Portion(self.name, self._front_end, inputs)

    def take(self, processed: Sequence[Processed]) -> tuple[list[Blind], list[Blind]]:
        """Take in what was made of the portion handed out.

        Returns:
          what had to be given up for it, as recognition fell behind; and what never came, could not be processed, or
          holds nothing that could be understood.
        """
        self._processing = False
        given_up: list[Blind] = []
        missing, self._noted = self._noted, []
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

    def claim(self, now: float) -> bool:
        """Ask for a turn at the recogniser if a window is due and none was asked for; `next` takes it."""
        if self._claimed or not self._planner.due:
            return False
        self._claimed = True
        self._asked = now if self._asked is None else self._asked
        return True

    def next(self, *, in_time: bool = True) -> Excerpt | None:
        """Give the window that is due, if one is; it must be answered by `heard` or `failed`.

        Args:
          in_time: whether there is time to hear what leads in to it.
        """
        self._claimed = False
        plan = self._planner.next()
        if plan is None:
            self._asked = None
            return None
        audio = self.audio(plan.start, plan.end)
        lead_in = self._lead_in(plan) if in_time else audio[:0]
        start = plan.start - len(lead_in) / SAMPLE_RATE
        speech = plan.unsettled(self._planner.heard)
        self._in_flight = Excerpt(plan, np.concatenate([lead_in, audio]), start, speech)
        self.windows += 1
        return self._in_flight

    def claim_look(self) -> bool:
        """Ask for a turn at the sound if a look is due and none was asked for; `next_look` takes it."""
        if self._look_claimed or self._looks is None or not self._looks.due:
            return False
        self._look_claimed = True
        return True

    def next_look(self) -> Look | None:
        """Give the look at sound that is due, if one is; it must be answered by `looked`."""
        self._look_claimed = False
        return self._looks.next() if self._looks is not None else None

    def looked(self) -> None:
        """The look in flight was answered, or will not be."""
        if self._looks is not None:
            self._looks.landed()

    def audio(self, start: float, end: float) -> NDArray[np.float32]:
        """Read the samples from `start` to `end` seconds, as far as they are still known: float32 at 16 kHz."""
        last = max(min(round(end * SAMPLE_RATE), self._buffer.end), self._buffer.start)
        return self._buffer.read(min(max(round(start * SAMPLE_RATE), self._buffer.start), last), last)

    def evidence(self, request: ScoreRequest) -> tuple[ScoreRequest, NDArray[np.float32], object]:
        """Give what a likelihood is told from: the request that fits it, audio, and the recogniser's trace of it.

        The last window, if it holds what was heard: then nothing need be listened to again. No audio where it is asked
        for too late, and not held any more, or where there is nothing that it could be weighed against.
        """
        again = request.within(self._last.words) if self._last.trace is not None else None
        if again is not None:
            return again, self._last_audio, self._last.trace
        alone = request.alone()
        unlike = bool(request.reading) and not alone.reading
        return alone, self._said[:0] if unlike else self.audio(alone.start - BEFORE, alone.end + AFTER), None

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
        if not hypothesis.words and (hypothesis.rejected or wordless(excerpt.speech, ())):
            # Somebody spoke, and nobody will hear it better: what was heard of it last stands.
            update = replace(self.rest(), final=final, until=plan.end)
        else:
            update = self._agreement.heard(hypothesis.words, until=plan.end, settles=settles, final=final, seam=seam)
        if plan.final and hypothesis.words:
            self._keep(excerpt)
        update = replace(update, paused=plan.paused, look=hypothesis.words, alternatives=hypothesis.alternatives)
        unheard = max(self._planner.heard, plan.start)
        self._planner.settled(self._agreement.settled)
        self.missed = False
        trouble = hypothesis.rejected or (hypothesis.foreign and f"spoken in {hypothesis.foreign}")
        if trouble and plan.final:
            self.missed = True
            return update, self._lose(unheard, min(plan.end, self.received), trouble)
        spoken = max(plan.speech[0], unheard), min(plan.speech[1], self._planner.heard)
        words = (*update.committed, *hypothesis.words)
        lost = [self._lose(start, end, WORDLESS) for start, end in wordless([spoken], words)]
        self.missed = bool(lost)
        return update, [blind for some in lost for blind in some]

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
        self._interrupted = self._interrupted or span is not None
        return self._lose(*span, reason) if span else []

    def interrupted(self) -> bool:
        """Tell whether speech was given up since this was last asked, be it told anew or not."""
        interrupted, self._interrupted = self._interrupted, False
        return interrupted

    def abandon(self, reason: str) -> list[Blind]:
        """Recognise nothing more: nothing that waits, and not even the window in flight."""
        self._inputs = []
        self._processing = False
        self._in_flight = self._asked = None
        self._planner.failed()
        return self.give_up(reason, self.received)

    def release(self) -> None:
        """Let go of the audio, megabytes of it: the call is over, and the collector may take its time."""
        self._buffer = RingBuffer(1)
        self._last = Hypothesis(())
        self._last_audio = self._said = np.zeros(0, dtype=np.float32)

    def _landed(self) -> Excerpt:
        assert self._in_flight is not None
        excerpt, self._in_flight = self._in_flight, None
        self._asked = None
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
            lost = self.give_up(BEHIND, self.processed - KEPT)
        self._buffer.append(sound.samples)
        self._note(sound.speech)
        self._paused = sound.paused
        self._planner.audio_received(self.processed, self._paused)
        if self._looks is not None:
            self._looks.audio_received(self.processed, self._paused)
        done = min(self._planner.needed, self.processed - REMEMBERED)
        self._buffer.discard(max(0, int(done * SAMPLE_RATE)))
        return lost

    def _miss(self, missing: Missing) -> list[Blind]:
        lost: list[Blind] = []
        self._note(missing.speech)
        if self._buffer.end + missing.samples - int(self._planner.needed * SAMPLE_RATE) > BUFFER * SAMPLE_RATE:
            lost = self.give_up(BEHIND, missing.start)
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
                if self._looks is not None:
                    self._looks.speech_started()
                self._speaking = event.at
                self._changes.append((event.at, Voice.SPEAKING))
            else:
                self._planner.speech_ended(event.at)
                if self._looks is not None:
                    self._looks.speech_ended(event.at)
                if self._speaking is not None:
                    self._speech.add(self._speaking, event.at)
                    self._speaking = None
                self._changes.append((event.at, Voice.SILENT))

    def _lose(self, start: float, end: float, reason: str) -> list[Blind]:
        """Count a span as blind, each second of it once, and report what of it was not told yet."""
        self._blind.add(start, end)
        return self._tell(start, end, reason)

    def _tell(self, start: float, end: float, reason: str) -> list[Blind]:
        fresh = self._told.add(start, end)
        return [Blind(self.name, *span, reason) for span in fresh if span[1] - span[0] >= SLIVER]
