"""What waits for a recogniser, and how a batch of it is done: windows to recognise, texts to weigh, sounds to hear."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streamer.audio import SAMPLE_RATE
from streamer.errors import RecognitionFailed
from streamer.recognition.recognizer import Heard, Hypothesis, Recognizer, Scoring, SoundTurn, Turn, Window

log = logging.getLogger(__name__)

Asked = Turn | Scoring | SoundTurn[Any]


@dataclass(order=True, slots=True)
class Job:
    """Somebody's question in the queue, the earliest deadline first.

    Attributes:
      order: of arrival, where deadlines are the same.
      submitted: when it arrived, in seconds of the monotonic clock.
      window: once it is cut; of a turn only.
    """

    deadline: float
    order: int
    asked: Asked = field(compare=False)
    submitted: float = field(compare=False)
    answer: asyncio.Future[Any] = field(compare=False)
    window: Window | None = field(compare=False, default=None)

    @property
    def audio(self) -> float:
        """Seconds of audio that it is about, as far as that is cut."""
        held = self.asked if isinstance(self.asked, Scoring) else self.window
        return 0.0 if held is None else len(held.audio) / SAMPLE_RATE

    def kind(self, in_time: bool) -> tuple[type, str, bool]:
        """What a batch must have in common; a batch is decoded in one way, so no hasty look may join a thorough one."""
        if not isinstance(self.asked, Turn):
            thorough = False
        elif self.window is not None:
            thorough = self.window.thorough
        else:
            thorough = in_time and self.asked.thorough
        return type(self.asked), self.asked.language, thorough

    def cut(self, in_time: bool) -> None:
        """Make the window of all that has been heard by now; where there is nothing to do, or it fails, that is said.

        What is wrong with one call is that call's affair.
        """
        if isinstance(self.asked, Scoring) or self.window is not None:
            return
        try:
            self.window = self.asked.cut(in_time) if isinstance(self.asked, Turn) else self.asked.cut()
        except Exception as error:
            log.exception("a window could not be cut")
            self.answer.set_exception(error)
        else:
            if self.window is None:
                self.answer.set_result(None)


def do(recognizer: Recognizer, batch: Sequence[Job]) -> Sequence[Any]:
    """Run the recogniser on jobs of a kind, and see that it answers what it was asked. An exception may be an answer.

    Raises:
      RecognitionFailed: it does not.
    """
    windows = [job.window for job in batch if job.window is not None]
    match batch[0].asked:
        case Turn():
            return _answers(recognizer, windows, recognizer.recognize(windows), Hypothesis)
        case SoundTurn():
            heard = _answers(recognizer, windows, recognizer.hear(windows), Heard)
            return [_searched(job, sounds) for job, sounds in zip(batch, heard, strict=True)]
    questions = [job.asked for job in batch if isinstance(job.asked, Scoring)]
    likelihoods = recognizer.score(questions)
    if [len(some) for some in likelihoods] != [len(question.texts) for question in questions]:
        raise RecognitionFailed(f"{recognizer.name} does not weigh each text that it is asked about")
    return likelihoods


def _answers(recognizer: Recognizer, windows: Sequence[Window], answers: Sequence[Any], kind: type) -> Sequence[Any]:
    if len(answers) != len(windows) or not all(isinstance(one, kind) for one in answers):
        raise RecognitionFailed(f"{recognizer.name} doesn't answer {len(windows)} windows with as many {kind.__name__}")
    return answers


def _searched(job: Job, heard: Heard) -> Any:
    """Search one window's sounds; where that fails, the others of its batch are searched all the same."""
    assert isinstance(job.asked, SoundTurn)
    try:
        return job.asked.search(heard)
    except Exception as error:
        log.exception("the sounds of a window could not be searched")
        return error
