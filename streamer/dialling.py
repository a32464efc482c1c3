"""Plays a recording to the service as a platform would: over its sockets, in its words, in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from streamer.audio import encode
from streamer.callers import (
    asterisk,
    audiohook,
    freeswitch,
    jambonz,
    plivo,
    signalwire,
    telnyx,
    twilio,
    vonage,
)
from streamer.callers.caller import Caller, Message, Placed, Refused
from streamer.errors import CallFailed
from streamer.recordings import Recording

CALLERS: Mapping[str, Callable[[Placed], Sequence[Caller]]] = {
    "twilio": twilio.callers,
    "signalwire": signalwire.callers,
    "telnyx": telnyx.callers,
    "plivo": plivo.callers,
    "audiohook": audiohook.callers,
    "freeswitch": freeswitch.callers,
    "jambonz": jambonz.callers,
    "asterisk": asterisk.callers,
    "vonage": vonage.callers,
}
"""By the platform's name: one caller for each socket of a call."""
LAST = 30.0
"""Seconds for the service to close a socket once all has been said."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the service said on a platform's socket.

    Attributes:
      at: seconds since the call's first sample was sent.
    """

    at: float
    message: Message


async def play(
    callers: Sequence[Caller], recording: Recording, service: str, speed: float = 1.0
) -> AsyncIterator[Heard]:
    """Send a recording on all sockets of a call at once, and yield whatever comes back.

    Args:
      service: `ws://HOST:PORT`.
      speed: times real time.

    Raises:
      CallFailed: the service can't be reached, broke the call off, or said what the platform would not take.
    """
    heard: asyncio.Queue[Heard | None] = asyncio.Queue()
    began = time.monotonic()

    async def line(caller: Caller) -> None:
        try:
            await _line(caller, recording, service, began, speed, heard)
        finally:
            heard.put_nowait(None)

    lines = [asyncio.create_task(line(caller)) for caller in callers]
    try:
        for _ in lines:
            while (one := await heard.get()) is not None:
                yield one
        await asyncio.gather(*lines)
    except Refused as refused:
        raise CallFailed(service, f"said what this platform would not take: {refused}") from None
    except ConnectionClosed as closed:
        raise CallFailed(service, f"broke the call off: {closed}") from None
    except (OSError, InvalidURI, InvalidHandshake, TimeoutError) as error:
        raise CallFailed(service, f"can't be reached: {error}") from None
    finally:
        for task in lines:
            task.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


async def _line(
    caller: Caller, recording: Recording, service: str, began: float, speed: float, heard: asyncio.Queue[Heard | None]
) -> None:
    dial = caller.dial(service)
    offered = None if dial.subprotocol is None else [Subprotocol(dial.subprotocol)]
    async with connect(
        dial.url, compression=None, additional_headers=dict(dial.headers), subprotocols=offered, max_queue=None
    ) as socket:
        sending = asyncio.create_task(_send(caller, recording, socket, began, speed))
        try:
            async for message in socket:
                heard.put_nowait(Heard(time.monotonic() - began, message))
                await _say(socket, caller.receive(message))
                if caller.over:
                    break
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(caller: Caller, recording: Recording, socket: ClientConnection, began: float, speed: float) -> None:
    """Send each frame when its last sample would have been spoken, then hang up as the platform does."""
    await _say(socket, caller.begin())
    samples = legs_of(recording, caller)
    step = round(caller.frame_seconds * caller.sample_rate)
    for count, at in enumerate(range(0, len(samples), step), 1):
        await asyncio.sleep(began + count * caller.frame_seconds / speed - time.monotonic())
        await _say(socket, caller.audio(encode(samples[at : at + step].reshape(-1), caller.encoding)))
    await _say(socket, caller.end())
    if not caller.over:
        # The service is to answer, and one of both closes.
        await asyncio.sleep(LAST)
    await socket.close()


async def _say(socket: ClientConnection, messages: Sequence[Message]) -> None:
    for message in messages:
        await socket.send(message)


def legs_of(recording: Recording, caller: Caller) -> NDArray[np.float32]:
    """Give the legs that a socket brings, at its rate: (samples, channels)."""
    columns = [
        recording.samples[:, recording.channels.index(leg)]
        if leg in recording.channels
        else np.zeros(len(recording.samples), dtype=np.float32)
        for leg in caller.channels
    ]
    together = np.ascontiguousarray(np.stack(columns, axis=1))
    if recording.sample_rate != caller.sample_rate:
        together = soxr.resample(together, recording.sample_rate, caller.sample_rate)
    return np.ascontiguousarray(together, dtype=np.float32)
