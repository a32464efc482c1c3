"""Calls as platforms really make them: most to their end, some broken off in the middle, some no calls at all."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from benchmarks.calls import LabelledCall
from benchmarks.streams import Outcome, measure
from streamer import recordings
from streamer.client import FRAME_SECONDS
from streamer.dialects.native import start_message, stop_message
from streamer.errors import CallFailed, CallRefused
from streamer.types import Encoding

PATIENCE = 60.0
"""Seconds after a call's end in which the service must have given its account of it."""
OVERLOADED = 4503


class Manner(StrEnum):
    """How a platform goes about a call."""

    TO_THE_END = "to the end"
    HUNG_UP = "hung up without stop"
    ABORTED = "connection reset"
    GARBAGE = "garbage"


WEIGHTS = {Manner.TO_THE_END: 70, Manner.HUNG_UP: 10, Manner.ABORTED: 10, Manner.GARBAGE: 10}


class Answer(StrEnum):
    """What the service did about a call: as `docs/protocol.md` has it, or not."""

    GIVEN = "given"
    REFUSED = "refused"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Made:
    """A call that has been made.

    Attributes:
      at: seconds since the first call, at its end.
      detail: what was wrong, or empty.
      outcome: of a call that went to its end.
    """

    at: float
    manner: Manner
    answer: Answer
    detail: str = ""
    outcome: Outcome | None = None


def garbage() -> list[tuple[int, Sequence[str | bytes]]]:
    """List what must not be sent, each with the close code that it must be answered with."""
    start = start_message(call_id="garbage", encoding=Encoding.MULAW, sample_rate=8000, channels=["agent", "customer"])
    return [
        (4400, ['{"type": "start", ']),
        (4400, ["[1, 2]"]),
        (4409, [b"\0" * 160]),
        (4409, [stop_message()]),
        # One odd message in mid-call is passed over; a hundred in a row are no call.
        (4410, [start, *[b"\0" * 161] * 100]),
        (4413, [b"\0" * 1_100_000]),
        (4422, [start.replace("8000", "4000")]),
        (4422, [start.replace("mulaw", "opus")]),
        (4429, [start, b"\0" * 16_000 * 30]),
    ]


async def make(url: str, call: LabelledCall, manner: Manner, dice: random.Random, began: float) -> Made:
    """Make a call, in real time; nothing that becomes of it is raised.

    Args:
      began: the monotonic second at which the first call was made.
    """
    outcome: Outcome | None = None
    detail = ""
    try:
        async with asyncio.timeout(call.duration + PATIENCE):
            if manner is Manner.TO_THE_END:
                outcome = await measure(url, call)
            elif manner is Manner.GARBAGE:
                await _misbehave(url, dice)
            else:
                await _desert(url, call, dice.uniform(0.2, 0.9), abort=manner is Manner.ABORTED)
        answer = Answer.GIVEN
    except InvalidStatus as error:
        full = error.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        answer, detail = (Answer.REFUSED, "") if full else (Answer.NONE, f"{call.path.name}, {manner}: {error!r}")
    except CallRefused:
        answer = Answer.REFUSED
    except (CallFailed, WebSocketException, OSError) as error:
        # A TimeoutError is an OSError.
        answer, detail = Answer.NONE, f"{call.path.name}, {manner}: {error!r}"
    return Made(time.monotonic() - began, manner, answer, detail, outcome)


async def _desert(url: str, call: LabelledCall, part: float, *, abort: bool) -> None:
    """Be gone without a word after a part of a call."""
    recording = recordings.read(call.path)
    frames = itertools.islice(recording.frames(FRAME_SECONDS), int(part * recording.duration / FRAME_SECONDS))
    async with connect(url, compression=None, max_queue=None) as socket:
        start = start_message(
            call_id=call.path.stem,
            encoding=recording.encoding,
            sample_rate=recording.sample_rate,
            channels=recording.channels,
            language=call.language,
            transcripts=True,
        )
        await socket.send(start)
        answer = json.loads(await socket.recv())
        if answer["type"] != "started":
            if answer.get("code") == "overloaded":
                raise CallRefused(url)
            raise CallFailed(url, f"answered a start with {answer}")
        began = time.monotonic()
        for count, frame in enumerate(frames, 1):
            await asyncio.sleep(began + count * FRAME_SECONDS - time.monotonic())
            await socket.send(frame)
        if abort:
            socket.transport.abort()


async def _misbehave(url: str, dice: random.Random) -> None:
    """Send what is no call, or not even a WebSocket."""
    kinds = garbage()
    chosen = dice.randrange(len(kinds) + 1)
    if chosen == len(kinds):
        await _babble(url, dice.randbytes(2000))
        return
    code, messages = kinds[chosen]
    async with connect(url, compression=None, max_queue=None) as socket:
        with suppress(ConnectionClosed):
            for message in messages:
                await socket.send(message)
        await socket.wait_closed()
    if socket.close_code == OVERLOADED:
        raise CallRefused(url)
    if socket.close_code != code:
        raise CallFailed(url, f"closed with {socket.close_code}, not {code}, on {messages[-1][:40]!s}")


async def _babble(url: str, noise: bytes) -> None:
    """Send noise where a handshake should be; it must be hung up on."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(noise + b"\r\n\r\n")
        with suppress(ConnectionResetError, BrokenPipeError):
            await writer.drain()
            await reader.read()
    finally:
        writer.close()
