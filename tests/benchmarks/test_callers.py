"""Calls as platforms make them, to a service that answers and to one that does not."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from websockets.asyncio.client import connect

from benchmarks.callers import Answer, Manner, make
from benchmarks.calls import LabelledCall, Mark
from benchmarks.streams import measure
from streamer.dialects.native import start_message
from streamer.errors import CallFailed, CallRefused
from streamer.types import Encoding
from tests.faults import FaultyRecognizer, Running


@pytest.fixture
def call(tmp_path: Path) -> LabelledCall:
    """A quarter of a second of silence, said to hold a violation."""
    file = tmp_path / "call.wav"
    soundfile.write(file, np.zeros((2000, 2)), 8000, subtype="ULAW")
    said = {"agent": "", "customer": ""}
    return LabelledCall(file, "zh", 0.25, (Mark(True, "term", "agent", 0.2),), said)


class TestACall:
    async def test_to_the_end_is_judged(self, running: Running, call: LabelledCall) -> None:
        async with running(FaultyRecognizer()) as service:
            made = await make(service.media.url, call, Manner.TO_THE_END, random.Random(1), time.monotonic())
        assert (made.answer, made.detail) == (Answer.GIVEN, "")
        assert made.outcome is not None
        assert made.outcome.missed == ["term"]
        assert 0.2 < made.at < 10

    @pytest.mark.parametrize("manner", [Manner.HUNG_UP, Manner.ABORTED])
    async def test_that_is_deserted_leaves_nothing_behind(
        self, running: Running, call: LabelledCall, manner: Manner
    ) -> None:
        async with running(FaultyRecognizer()) as service:
            made = await make(service.media.url, call, manner, random.Random(1), time.monotonic())
        # Leaving the service waits for its calls.
        received = service.metrics.value(service.metrics.received)
        assert (made.answer, made.outcome) == (Answer.GIVEN, None)
        assert 0 < received < 2 * 0.25
        assert service.media.live == 0

    async def test_that_is_garbage_gets_the_close_code_of_its_kind(self, running: Running, call: LabelledCall) -> None:
        async with running(FaultyRecognizer()) as service:
            for seed in range(60):
                made = await make(service.media.url, call, Manner.GARBAGE, random.Random(seed), time.monotonic())
                assert (made.answer, made.detail) == (Answer.GIVEN, "")

    async def test_is_refused_where_the_house_is_full(self, running: Running, call: LabelledCall) -> None:
        start = start_message(call_id="c", encoding=Encoding.MULAW, sample_rate=8000, channels=["agent"])
        async with running(FaultyRecognizer(), max_calls=1) as service, connect(service.media.url) as first:
            await first.send(start)
            await first.recv()
            for manner in (Manner.TO_THE_END, Manner.HUNG_UP, Manner.ABORTED):
                made = await make(service.media.url, call, manner, random.Random(1), time.monotonic())
                assert made.answer is Answer.REFUSED
            with pytest.raises(CallRefused):
                await measure(service.media.url, call)

    async def test_that_nobody_answers_is_told_and_not_raised(self, call: LabelledCall) -> None:
        for manner in Manner:
            made = await make("ws://127.0.0.1:9/v1/calls", call, manner, random.Random(1), time.monotonic())
            assert made.answer is Answer.NONE
            assert "call.wav" in made.detail
        with pytest.raises(CallFailed):
            await measure("ws://127.0.0.1:9/v1/calls", call)
