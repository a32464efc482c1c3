"""How many calls a machine bears: measured on real speech, by all workers at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from streamer.audio import SAMPLE_RATE
from streamer.recognition import capacity
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.recognition.vad import FRAME, SileroModel
from streamer.recognition.whisper import WhisperRecognizer


class Meeting:
    """A recogniser of three workers that answers when all of them are at work."""

    name = "meeting"
    concurrency = 3

    def __init__(self) -> None:
        self.asked: list[Sequence[Window]] = []
        self._all = threading.Barrier(3)

    def abilities(self, language: str) -> Abilities:
        return Abilities(max_batch=4)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        self._all.wait(20)
        self.asked.append(windows)
        return [Hypothesis(())] * len(windows)

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        raise NotImplementedError

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        raise NotImplementedError


class Failing(Meeting):
    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        raise RuntimeError("out of memory")


@pytest.mark.parametrize(("rate", "calls"), [(0.1, 1), (1.29, 1), (11.0, 8), (26.0, 20), (1e9, capacity.LOOP)], ids=str)
def test_the_calls_that_are_borne_follow_the_rate_between_one_and_what_the_loop_bears(rate: float, calls: int) -> None:
    assert capacity.calls(rate) == calls


@pytest.mark.parametrize("language", ["zh", "en", "ja"])
def test_all_workers_are_measured_at_once_with_whole_batches_of_different_speech(language: str) -> None:
    recognizer = Meeting()
    assert capacity.measure(recognizer, language, on_processor=True) > 0
    assert [len(windows) for windows in recognizer.asked] == [4] * 3 * capacity.ROUNDS
    batch = recognizer.asked[0]
    assert {(window.language, window.thorough, len(window.audio)) for window in batch} == {
        (language, False, int(capacity.SECONDS * SAMPLE_RATE))
    }
    for window in batch:
        frames = window.audio[: len(window.audio) // FRAME * FRAME].reshape(-1, FRAME)
        assert SileroModel().probabilities(frames).max() > 0.5
    assert len({window.audio.tobytes() for window in batch}) == 4


def test_a_recogniser_that_fails_is_not_taken_for_a_fast_one() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        capacity.measure(Failing(), "zh", on_processor=False)


@pytest.mark.xdist_group("model")
def test_the_real_model_is_measured_once(whisper: WhisperRecognizer) -> None:
    rate = whisper.rate("zh")
    assert 0 < rate < 1000
    assert whisper.rate("zh") == rate
