"""Other engines than the service's own: faster-whisper as anybody would call it, which can do less; a replica's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from faster_whisper import WhisperModel

from streamer.ray.recognizer import RayRecognizer
from streamer.recognition import models
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.recognition.words import TimedToken, to_words


class PlainWhisper:
    """Takes one window at a time, weighs nothing, and doesn't know when words were spoken."""

    name = "plain"
    concurrency = 1

    def __init__(self) -> None:
        self._model = WhisperModel(str(models.resolve()), device="cpu", compute_type="int8", cpu_threads=1)

    def abilities(self, language: str) -> Abilities:
        return Abilities()

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        return [self._heard(window) for window in windows]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        raise AssertionError("nobody asks what can't be done")

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        raise AssertionError("nobody asks what can't be done")

    def _heard(self, window: Window) -> Hypothesis:
        segments, _ = self._model.transcribe(
            window.audio, language=window.language, beam_size=1, without_timestamps=True, no_speech_threshold=0.6
        )
        text = "".join(segment.text for segment in segments if segment.no_speech_prob < 0.6)
        spoken = TimedToken(text, 0.0, window.end - window.start, 0.8)
        return Hypothesis(to_words([spoken], window.start, window.end))


def recogniser_in_process() -> RayRecognizer:
    """Deploy recognisers as Ray Serve does for trials: in this process, and on no cluster."""
    with warnings.catch_warnings():
        # What Ray's own modules do that will be no more is Ray's affair.
        warnings.simplefilter("ignore")
        from ray import serve

        from streamer.ray.deployment import Application, app

    handle = serve.run(app(Application()), name="trial", route_prefix=None, _local_testing_mode=True)
    return RayRecognizer(lambda body: handle.answer.remote(body).result(_skip_asyncio_check=True))
