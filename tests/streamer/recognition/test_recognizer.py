"""What every engine must do, whatever it can't: one suite for the service's own, with a head that reads sounds and
without, for a lesser one, and for both ways to have the service's own elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from lexicon.pronunciation import inventory
from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.errors import RecognitionFailed
from streamer.ray.addresses import ingress
from streamer.ray.asking import Asking
from streamer.ray.recognizer import RayRecognizer
from streamer.recognition import local, models
from streamer.recognition.recognizer import Heard, Recognizer, Scoring, SoundTurn, Window
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.sounds import finding, form
from streamer.recognition.whisper import WhisperRecognizer
from streamer.settings import Settings
from tests import heads
from tests.clusters import RayCluster
from tests.engines import PlainWhisper, recogniser_in_process
from tests.faults import DATA

pytestmark = pytest.mark.xdist_group("model")


@pytest.fixture(scope="session")
def with_head(tmp_path_factory: pytest.TempPathFactory) -> WhisperRecognizer:
    """The real model in a directory of its own, beside a head for Mandarin with random weights."""
    directory = tmp_path_factory.mktemp("model")
    for file in models.resolve().iterdir():
        (directory / file.name).symlink_to(file)
    units = inventory("zh")
    assert units is not None
    about = heads.about("zh", finding.whisper_sha256(directory), units=units)
    form.write(directory / "sounds.zh.npz", heads.arrays(units=units), about)
    return local.load(directory, "base", Settings().wanted, ["zh"])


@pytest.fixture(scope="session")
def plain() -> PlainWhisper:
    return PlainWhisper()


@pytest.fixture(scope="session")
def ray_in_process(ray_installed: None) -> RayRecognizer:
    return recogniser_in_process()


@pytest.fixture(scope="session")
def ray_on_workers(ray_cluster: RayCluster) -> Iterator[RayRecognizer]:
    asking = Asking(ingress(ray_cluster.recognizer))
    yield RayRecognizer(asking.post)
    asking.close()


@pytest.fixture(params=["whisper", "with_head", "plain", "ray_in_process", "ray_on_workers"])
def recognizer(request: pytest.FixtureRequest) -> Recognizer:
    engine: Recognizer = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """The agent's first words of the bundled Mandarin call, 16 kHz: 4 seconds."""
    recording = recordings.read(DATA / "demo-zh.wav")
    agent = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    return Resampler(recording.sample_rate).push(agent)[: 4 * SAMPLE_RATE]


def window(audio: NDArray[np.float32], number: int = 0, start: float = 0.0) -> Window:
    return Window("c", "agent", number, audio, start, "zh", thorough=False)


class TestAnEngine:
    def test_hears_words_in_order_within_their_window(
        self, recognizer: Recognizer, speech: NDArray[np.float32]
    ) -> None:
        (heard,) = recognizer.recognize([window(speech, start=100.0)])
        assert len(heard.words) > 5
        assert all(100.0 <= word.start <= word.end <= 104.0 for word in heard.words)
        starts = [word.start for word in heard.words]
        assert starts == sorted(starts)

    def test_hears_nothing_in_silence(self, recognizer: Recognizer) -> None:
        (heard,) = recognizer.recognize([window(np.zeros(2 * SAMPLE_RATE, dtype=np.float32))])
        assert heard.words == ()

    def test_answers_each_window_in_its_place(self, recognizer: Recognizer, speech: NDArray[np.float32]) -> None:
        silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
        order = [silence, speech, silence, speech, silence, silence]
        assert recognizer.abilities("zh").max_batch >= 1
        heard = recognizer.recognize([window(audio, number) for number, audio in enumerate(order)])
        assert [bool(one.words) for one in heard] == [audio is speech for audio in order]

    def test_hears_the_same_twice_and_from_several_threads(
        self, recognizer: Recognizer, speech: NDArray[np.float32]
    ) -> None:
        (alone,) = recognizer.recognize([window(speech)])
        with ThreadPoolExecutor(3) as threads:
            together = list(threads.map(lambda _: recognizer.recognize([window(speech)])[0], range(3)))
        assert [one.words for one in together] == [alone.words] * 3

    async def test_weighs_texts_or_says_that_it_does_not(
        self, recognizer: Recognizer, speech: NDArray[np.float32]
    ) -> None:
        (heard,) = recognizer.recognize([window(speech)])
        said = "".join(word.text for word in heard.words)
        question = Scoring("c", "agent", "v-1", speech, "zh", (said,), ("今天天气很好我们去公园散步",), 0.0)
        async with Scheduler(recognizer) as scheduler:
            if recognizer.abilities("zh").scores:
                right, wrong = await scheduler.score(question)
                assert right > wrong
            else:
                with pytest.raises(RecognitionFailed):
                    await scheduler.score(question)

    async def test_hears_sounds_or_says_that_it_does_not(
        self, recognizer: Recognizer, speech: NDArray[np.float32]
    ) -> None:
        turn = SoundTurn("zh", 0.0, lambda: window(speech, start=100.0), self._where)
        async with Scheduler(recognizer) as scheduler:
            if recognizer.abilities("zh").sounds:
                assert (await scheduler.hear(turn))[1] == (100.0, 0.02, 4 * 50)
            else:
                with pytest.raises(RecognitionFailed):
                    await scheduler.hear(turn)

    @staticmethod
    def _where(heard: Heard) -> tuple[float, float, int]:
        return heard.start, heard.step, len(heard.posteriors)


def test_a_head_beside_the_weights_is_used_for_its_language(with_head: WhisperRecognizer) -> None:
    assert with_head.abilities("zh").sounds
    assert not with_head.abilities("ja").sounds
