"""The acoustic front end of one channel: bytes of the wire to samples, and where speech is in them. Pure.

All arithmetic on audio is here, so that it can be done elsewhere than on the event loop: a `Channel` notes what comes
in, hands it out as a `Portion`, and takes in what `Portion.process` makes of it, whoever called that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from streamer.audio import SAMPLE_RATE, Resampler, decode
from streamer.recognition.vad import SpeechEnded, SpeechModel, SpeechStarted, VoiceActivity
from streamer.types import Encoding

PIECE = 1.0
"""Seconds of audio processed at once, at most."""
BROKEN = "audio could not be processed"


@dataclass(frozen=True, slots=True)
class Lost:
    """Samples that never came.

    Attributes:
      samples: how many, at the wire's rate; 0 where only what is being said ends.
      reason: why, for people; None where there was nothing to hear.
    """

    samples: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class End:
    """The audio has ended."""


Input = bytes | Lost | End
"""What comes in on a channel; bytes are whole samples in the call's encoding."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Audio that follows the last.

    Attributes:
      samples: float32 at 16 kHz.
      speech: what of it begins and ends in them.
      paused: seconds of call audio since which a speaker has been silent, whose speech has not ended yet.
    """

    samples: NDArray[np.float32]
    speech: Sequence[SpeechStarted | SpeechEnded] = ()
    paused: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """A stretch without audio; speech ends before it.

    Attributes:
      samples: how many are missing, at 16 kHz.
      start, end: seconds of call audio.
      reason: why, for people; None where there was nothing to hear.
      error: what went wrong in processing the audio, if that is why.
    """

    samples: int
    start: float
    end: float
    reason: str | None
    speech: Sequence[SpeechStarted | SpeechEnded] = ()
    error: Exception | None = None


Processed = Sound | Missing


class FrontEnd:
    """Decodes a channel, brings it to 16 kHz and finds speech in it; not to be used by two threads at once.

    What comes in may be cut anywhere: the audio and the speech that come out are the same. Audio that can't be
    processed comes out as missing, and what follows is processed again.

    Args:
      encoding, sample_rate: of the audio on the wire.
      speech: tells speech from silence; this channel's own.
    """

    def __init__(self, encoding: Encoding, sample_rate: int, speech: SpeechModel) -> None:
        self._encoding = encoding
        self._sample_rate = sample_rate
        self._resampler = Resampler(sample_rate)
        self._activity = VoiceActivity(speech)
        self._taken = 0
        """Samples taken in, at the wire's rate."""
        self._given = 0
        """Samples given out, at 16 kHz."""

    def process(self, inputs: Sequence[Input]) -> list[Processed]:
        """Process what follows the last inputs."""
        processed: list[Processed] = []
        for kind, group in groupby(inputs, type):
            if kind is bytes:
                payload = b"".join(one for one in group if isinstance(one, bytes))
                processed += [self._audio(piece) for piece in self._pieces(payload)]
                continue
            for one in group:
                processed.append(self._flush(end=isinstance(one, End)))
                if isinstance(one, Lost):
                    processed.append(self._skip(one.samples, one.reason))
        return processed

    def _pieces(self, payload: bytes) -> Iterator[bytes]:
        size = int(PIECE * self._sample_rate) * self._encoding.width
        return (payload[at : at + size] for at in range(0, len(payload), size))

    def _audio(self, payload: bytes) -> Processed:
        try:
            samples = self._resampler.push(decode(payload, self._encoding))
            speech = self._activity.receive(samples)
        except Exception as error:
            # Whatever went wrong with this channel's audio, it is no other's affair.
            return self._skip(len(payload) // self._encoding.width, BROKEN, error)
        self._taken += len(payload) // self._encoding.width
        self._given += len(samples)
        return Sound(samples, speech, self._activity.paused)

    def _flush(self, *, end: bool) -> Processed:
        """Give what the resampler holds back: nothing follows it directly."""
        samples = self._resampler.flush()
        self._resampler = Resampler(self._sample_rate)
        try:
            speech = self._activity.receive(samples)
        except Exception as error:
            return self._skip(0, BROKEN, error)
        self._given += len(samples)
        return Sound(samples, [*speech, *(self._activity.finish() if end else ())], self._activity.paused)

    def _skip(self, samples: int, reason: str | None, error: Exception | None = None) -> Missing:
        start = self._taken / self._sample_rate
        self._taken += samples
        end = self._taken / self._sample_rate
        missing = max(0, round(end * SAMPLE_RATE) - self._given)
        self._given += missing
        if error is not None:
            self._resampler = Resampler(self._sample_rate)
        return Missing(missing, start, end, reason, self._activity.skip(missing), error)


@dataclass(frozen=True, slots=True)
class Portion:
    """What has come in on a channel; until that is taken in, processed, the channel hands out no more."""

    channel: str
    front_end: FrontEnd
    inputs: Sequence[Input]

    def process(self) -> list[Processed]:
        """Process it, in any thread."""
        return self.front_end.process(self.inputs)
