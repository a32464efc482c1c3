"""On a real cluster of two workers: what a worker's death costs, what is said when they are full, or gone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer import client, recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.errors import RecognisersBusy, RecognisersGone
from streamer.ray import asking as timing
from streamer.ray.addresses import ingress
from streamer.ray.asking import Asking
from streamer.ray.recognizer import RayRecognizer
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.recognition.whisper import WhisperRecognizer
from tests.clusters import RayCluster
from tests.faults import DATA, Running

pytestmark = pytest.mark.xdist_group("model")

KILLED_AT = 4.0
"""Seconds of the call at which a worker dies: before anything forbidden is said."""


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be late because other tests have the processors."""
    monkeypatch.setattr(timing, "ANSWER", 60.0)
    monkeypatch.setattr(timing, "PATIENCE", 120.0)


@pytest.fixture
def asking(ray_cluster: RayCluster) -> Iterator[Asking]:
    ray_cluster.settle()
    one = Asking(ingress(ray_cluster.recognizer))
    yield one
    one.close()


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """What the agent says in the bundled Mandarin call, 16 kHz."""
    recording = recordings.read(DATA / "demo-zh.wav")
    agent = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    return Resampler(recording.sample_rate).push(agent)


def windows(speech: NDArray[np.float32], count: int) -> list[Window]:
    """Cut windows of four seconds, each a second later."""
    starts = [number * SAMPLE_RATE for number in range(count)]
    return [Window("c", "agent", start, speech[start : start + 4 * SAMPLE_RATE], 0.0, "zh") for start in starts]


def texts(hypotheses: Sequence[Hypothesis]) -> list[str]:
    return ["".join(word.text for word in one.words) for one in hypotheses]


def test_a_window_that_dies_with_its_worker_is_heard_on_another(
    ray_cluster: RayCluster, asking: Asking, speech: NDArray[np.float32]
) -> None:
    recognizer = RayRecognizer(asking.post)
    some = windows(speech, 8)
    undisturbed = texts([recognizer.recognize([window])[0] for window in some])
    assert asking.repeated == 0

    def hear(window: Window) -> list[Hypothesis]:
        # One worker alone may be full for a moment; a call asks again, too.
        for _ in range(20):
            with suppress(RecognisersBusy):
                return recognizer.recognize([window])
        return recognizer.recognize([window])

    # So many at once that each worker has some when one dies.
    with ThreadPoolExecutor(6) as threads:
        heard = [threads.submit(hear, window) for window in some]
        wait(heard, return_when=FIRST_COMPLETED)
        ray_cluster.kill(ray_cluster.replicas[0])
        assert texts([one.result()[0] for one in heard]) == undisturbed
    assert asking.repeated >= 1


async def test_a_worker_that_dies_in_a_call_costs_no_violation(
    ray_cluster: RayCluster, asking: Asking, whisper: WhisperRecognizer, running: Running
) -> None:
    recording = recordings.read(DATA / "demo-zh.wav")
    killed: list[int] = []
    messages: list[dict[str, Any]] = []
    async with running(RayRecognizer(asking.post)) as service:
        async for received in client.play(recording, service.media.url, call_id="c", language="zh"):
            messages.append(received.message)
            if not killed and received.message.get("end", 0.0) > KILLED_AT:
                killed += ray_cluster.replicas[:1]
                ray_cluster.kill(killed[0])
    assert killed
    # One recogniser fewer may be too few for customers, too: that is given up first, whoever hears.
    assert [one for one in messages if one["type"] == "blind" and one["channel"] == "agent"] == []
    # As it is without a cluster, where what depends on timing is asked on a virtual clock: tests/test_end_to_end.py.
    assert "insider" in {one["rule_id"] for one in messages if one["type"] == "block"}


def test_what_full_workers_turn_away_is_said_to_be_and_what_they_take_is_heard(
    asking: Asking, speech: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "BACK_OFF", 0.0)
    recognizer = RayRecognizer(asking.post)
    (window,) = windows(speech, 1)
    (undisturbed,) = texts(recognizer.recognize([window]))
    # Two workers take four each, and two more wait.
    with ThreadPoolExecutor(30) as threads:
        asked = [threads.submit(recognizer.recognize, [window]) for _ in range(30)]
        wait(asked)
    refused = [one.exception() for one in asked if one.exception() is not None]
    assert {type(one) for one in refused} == {RecognisersBusy}
    assert {text for one in asked if one.exception() is None for text in texts(one.result())} == {undisturbed}
    assert asking.repeated == 0


def test_recognisers_that_are_withdrawn_are_out_of_reach_until_others_are_deployed_from_outside(
    ray_cluster: RayCluster, asking: Asking, speech: NDArray[np.float32]
) -> None:
    recognizer = RayRecognizer(asking.post)
    some = windows(speech, 1)
    before = texts(recognizer.recognize(some))
    ray_cluster.withdraw()
    with pytest.raises(RecognisersGone):
        recognizer.recognize(some)
    told = ["--address", ray_cluster.client, "--min", "2", "--max", "2", "--queued", "2"]
    ran = subprocess.run(
        [sys.executable, "-c", "from streamer.cli import main; main()", "ray", "deploy", *told],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "huazha serve --recognizer ray://" in ran.stderr) == (0, True), ran.stderr
    assert texts(recognizer.recognize(some)) == before
