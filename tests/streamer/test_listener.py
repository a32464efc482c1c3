"""The thread that processes the audio of all calls: in order, together, and none at another's cost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.channel import Channel
from streamer.errors import InternalError
from streamer.front_end import Missing, Portion, Processed, Sound
from streamer.listener import Listener
from streamer.recognition.vad import SpeechModel
from streamer.types import Encoding

RATE = 16_000
FRAME = b"\1\0" * 512


class Silent:
    """Takes everything for silence, and notes the thread it is asked in."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        self.threads.add(threading.get_ident())
        return np.zeros(len(frames), dtype=np.float32)


class Gated(Silent):
    """Waits at each run until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        self.entered.set()
        assert self.gate.wait(20)
        return super().probabilities(frames)


class Broken:
    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        raise ArithmeticError("no network")


class OneLeg:
    """A call of one channel, as the listener sees it."""

    def __init__(self, speech: SpeechModel | None = None) -> None:
        self.channel = Channel("agent", Encoding.PCM_S16LE, RATE, speech or Silent())
        self.taken: list[Processed] = []
        self.looks = 0
        self.error: Exception | None = None
        self._changed = asyncio.Event()

    def portions(self) -> list[Portion]:
        portion = self.channel.portion()
        return [] if portion is None else [portion]

    def processed(self, portions: Sequence[tuple[str, list[Processed]]]) -> None:
        self.looks += 1
        for _, processed in portions:
            self.taken += processed
            self.channel.take(processed)
        self._changed.set()

    def broken(self, error: Exception) -> None:
        self.error = error
        self._changed.set()

    async def until(self, seconds: float) -> None:
        """Wait until so much was processed, or it never will be."""
        while self.channel.processed < seconds and self.error is None:
            self._changed.clear()
            async with asyncio.timeout(20):
                await self._changed.wait()


def say(listener: Listener, call: OneLeg, frames: int = 1) -> None:
    call.channel.receive(FRAME * frames)
    listener.notify(call)


async def test_audio_is_processed_in_another_thread_and_taken_in_on_the_loop() -> None:
    model = Silent()
    call = OneLeg(model)
    async with Listener() as listener:
        say(listener, call)
        await call.until(0.032)
    assert model.threads
    assert threading.get_ident() not in model.threads
    assert call.channel.processed == 0.032


async def test_what_comes_in_meanwhile_is_processed_together_and_in_order() -> None:
    model = Gated()
    call, other = OneLeg(model), OneLeg()
    async with Listener() as listener:
        say(listener, call)
        await asyncio.to_thread(model.entered.wait, 20)
        for number in range(2, 7):
            call.channel.receive(number.to_bytes(2, "little") * 512)
            listener.notify(call)
            say(listener, other)
        model.gate.set()
        await call.until(6 * 0.032)
        await other.until(5 * 0.032)
    assert (call.looks, other.looks) == (2, 1)
    audio = np.concatenate([one.samples for one in call.taken if isinstance(one, Sound)])
    assert np.rint(audio[::512] * 32_768).tolist() == [1, 2, 3, 4, 5, 6]


async def test_a_channel_that_cannot_be_processed_is_told_and_costs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    call, other = OneLeg(Broken()), OneLeg()
    async with Listener() as listener:
        say(listener, call, 3)
        say(listener, other)
        await call.until(3 * 0.032)
        await other.until(0.032)
    (missing,) = call.taken
    assert isinstance(missing, Missing)
    assert isinstance(missing.error, ArithmeticError)
    assert call.channel.blind == pytest.approx(3 * 0.032)
    assert other.channel.blind == 0.0
    assert "no network" in caplog.text


async def test_a_channel_that_hangs_fails_its_call_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    model = Gated()
    before, stuck, after = OneLeg(), OneLeg(model), OneLeg()
    async with Listener(hung=0.2) as listener:
        for call in (before, stuck, after):
            say(listener, call)
        for call in (before, stuck, after):
            await call.until(0.032)
        assert isinstance(stuck.error, InternalError)
        say(listener, before)
        say(listener, after)
        await before.until(0.064)
        await after.until(0.064)
        # It wakes at last, when nobody waits for it.
        model.gate.set()
        say(listener, after)
        await after.until(0.096)
    assert stuck.taken == []
    assert (before.looks, after.looks) == (2, 3)
    assert (before.error, after.error) == (None, None)
    assert "has not been processed" in caplog.text


class Raising(OneLeg):
    """A call that fails whenever the listener asks it, or tells it, something.

    Args:
      at: the name of what fails.
    """

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def portions(self) -> list[Portion]:
        self._fail("portions")
        portions = super().portions()
        return [Portion("agent", None, ()) for _ in portions] if self._at == "thread" else portions  # type: ignore[arg-type]

    def processed(self, portions: Sequence[tuple[str, list[Processed]]]) -> None:
        self._fail("processed")
        super().processed(portions)

    def broken(self, error: Exception) -> None:
        super().broken(error)
        raise error

    def _fail(self, at: str) -> None:
        if at == self._at:
            raise ArithmeticError("no luck")


@pytest.mark.parametrize("at", ["portions", "processed", "thread"])
async def test_a_call_that_fails_and_cannot_even_be_told_so_costs_no_other(at: str) -> None:
    before, failing, after = OneLeg(), Raising(at), OneLeg()
    async with Listener() as listener:
        for heard in (0.032, 0.064):
            for call in (before, failing, after):
                say(listener, call)
            await before.until(heard)
            await after.until(heard)
            await failing.until(heard)
    assert failing.error is not None
    assert (before.error, after.error) == (None, None)
