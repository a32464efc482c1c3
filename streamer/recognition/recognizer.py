"""What a recogniser is to the rest of Huazha: windows of audio in, hypotheses out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.types import Score, Word
from streamer.audio import SAMPLE_RATE
from streamer.recognition.sounds.form import About

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One job for a recogniser: self-contained, so that any worker anywhere can do it, twice if need be.

    Attributes:
      call_id, channel, number: where the answer belongs; numbers count up from 0 within a channel.
      audio: float32 mono at 16 kHz, full scale 1.0.
      start: seconds of call audio at which `audio` begins.
      language: as in `zh`, `en`.
      thorough: whether other readings are worth their time.
      final: speech ends in it.
      speech: seconds of call audio from and to which somebody speaks in it whom no other window will hear: where that
        gives no words, another attempt is worth its time.
      sounds: whether its sounds are wanted, too, where the recogniser hears any.
    """

    call_id: str
    channel: str
    number: int
    audio: NDArray[np.float32]
    start: float
    language: str
    thorough: bool = True
    final: bool = False
    speech: tuple[tuple[float, float], ...] = ()
    sounds: bool = False

    @property
    def end(self) -> float:
        """Seconds of call audio at which `audio` ends."""
        return self.start + len(self.audio) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A channel's place in the queue.

    Attributes:
      cut: makes the window when its turn has come, of all that has been heard by then, told whether there is time for
        a thorough look; None when nothing is left to do.
      deadline: when an answer is wanted, in seconds of the scheduler's clock; the earliest is served first.
      thorough: whether a thorough look is wanted, where there is time for one; what a batch has in common.
    """

    language: str
    deadline: float
    cut: Callable[[bool], Window | None]
    thorough: bool = True


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser heard in one window; no words where it heard none, or where a guard threw them out.

    Attributes:
      words: in order, with times in seconds of call audio.
      no_speech: the recogniser's probability that the window holds no speech.
      rejected: why a guard threw the words out, or None.
      foreign: the language that was spoken, where it was beyond doubt another than the window's.
      alternatives: other readings, less likely, where they were asked for; their times are roughly right.
      trace: what the recogniser keeps of the window, so that it can weigh texts without listening again; opaque. None
        where texts are better weighed on the seconds around them.
      waited: seconds that the window waited for its turn after it was given to the recogniser, and on the way to it.
      spoken: the language that was spoken, where that was beyond doubt.
      sounds: what was heard before it became words, where that was asked for.
    """

    words: tuple[Word, ...]
    no_speech: float = 0.0
    rejected: str | None = None
    foreign: str | None = None
    alternatives: tuple[tuple[Word, ...], ...] = ()
    trace: object = None
    waited: float = 0.0
    spoken: str | None = None
    sounds: Heard | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What sounds a recogniser heard in one window, state by state: which they were, it leaves open.

    Attributes:
      posteriors: the natural logarithm of each sound's probability, (frames, classes) in float32; class 0 is blank,
        the others are `lexicon.pronunciation.inventory`'s, in order.
      start: seconds of call audio at which frame 0 begins.
      step: seconds from one frame to the next.
    """

    posteriors: NDArray[np.float32]
    start: float
    step: float


@dataclass(frozen=True, slots=True, eq=False)
class SoundTurn(Generic[T_co]):
    """A channel's place in the queue for sounds: they are heard, and searched at once.

    Attributes:
      cut: makes the window when its turn has come, of all that has been heard by then; None when nothing is left to do.
      search: what is made of the sounds; on the recogniser's thread, since it takes too long for the event loop.
      deadline: when an answer is wanted, in seconds of the scheduler's clock; the earliest is served first.
    """

    language: str
    deadline: float
    cut: Callable[[], Window | None]
    search: Callable[[Heard], T_co]


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """A question of likelihood: which of several texts was spoken in a stretch of audio?

    Attributes:
      request_id: whom the answer is for.
      heard, instead: what may have been spoken in all of the audio: as it was recognised, and with the term.
      trace: the window's that is the audio, if it was recognised before and is still known.
    """

    call_id: str
    channel: str
    request_id: str
    audio: NDArray[np.float32]
    language: str
    heard: tuple[str, ...]
    instead: tuple[str, ...]
    deadline: float
    trace: object = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What is to be weighed, in this order."""
        return (*self.heard, *self.instead)

    def answer(self, likelihoods: Sequence[float]) -> Score:
        """Put what each text is worth as an answer: the likeliest of either count."""
        return Score(self.request_id, max(likelihoods[: len(self.heard)]), max(likelihoods[len(self.heard) :]))


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a recogniser can do in a language.

    Attributes:
      max_batch: windows that one call of `recognize` or `hear` gains from.
      scores: whether it weighs texts; without that, what has to be weighed is left to people.
      word_times: whether words are where they were spoken; without that they are spread over their window.
      sounds: what it hears sounds by; None where it hears none, and terms are found in text only.
    """

    max_batch: int = 1
    scores: bool = False
    word_times: bool = False
    sounds: About | None = None


class Recognizer(Protocol):
    """Turns windows into hypotheses or sounds, and weighs texts. Called from worker threads, by several at once.

    Another engine is another class of this form, in a module of its own. Windows hold all that it needs, so one that
    keeps a state of its own for each stream has no use for that here.

    Attributes:
      name: the model's, as reported to platforms.
      concurrency: how many `recognize` calls at once still gain anything.
    """

    @property
    def name(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    def abilities(self, language: str) -> Abilities:
        """Say what can be done in a language."""
        ...

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        """Recognise windows of one language, in one batch; one hypothesis a window, in the same order."""
        ...

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        """Weigh texts of one language, in one batch; for each question, the logarithm of each text's probability.

        Asked only where `abilities` says that it can be done.
        """
        ...

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        """Hear the sounds of windows of one language, in one batch; one answer a window, in the same order.

        Asked only where `abilities` says that it can be done.
        """
        ...
