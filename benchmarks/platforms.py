"""What a platform's dialect adds: calls as that platform sends them, and the time that its messages take to read.

Used by `benchmarks.latency --as`. A platform that only listens is told to block on its control port, so a block is seen
where the service tells of it, one call at a time. What the dialect itself adds is measured without sockets: a caller's
messages go straight into the service's machine.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.calls import LabelledCall
from benchmarks.overhearing import overheard
from benchmarks.streams import Outcome, judge
from streamer import dialling, recordings
from streamer.audio import encode
from streamer.bus import Bus
from streamer.callers.caller import Caller, Dial, Message, Placed
from streamer.client import FRAME_SECONDS, Received
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Failed, Incoming, Reply
from streamer.dialects.native import start_message, stop_message
from streamer.errors import CallFailed
from streamer.platform_settings import PlatformSettings
from streamer.platforms import KNOWN, section_of
from streamer.recordings import Recording
from streamer.service import Service
from streamer.settings import Limits
from streamer.types import AudioFrame, Gap

NATIVE = "native"
REJOIN = 0.25
"""Seconds that a call waits for a lost socket to come back: nothing here ever does."""
SERVICE = "ws://127.0.0.1"
TOLD = {"violation": "violation", "block": "block", "call.stopped": "stopped"}
"""Events that are judged, and what Huazha's own protocol calls them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a dialect adds.

    Attributes:
      p50, p99, most: milliseconds that a message takes.
      held: milliseconds of audio that were sent and had not come out, at most, after a frame.
    """

    platform: str
    p50: float
    p99: float
    most: float
    held: float

    @property
    def added(self) -> float:
        """Milliseconds by which a dialect makes a block later."""
        return self.p99 + self.held


@dataclass(frozen=True, slots=True)
class Passage:
    """What a dialect made of what came on a socket.

    Attributes:
      taken: milliseconds, of each message.
      held: as in `Cost`.
      came: each leg's samples as they came out, in the encoding in which the caller sent them.
    """

    taken: Sequence[float]
    held: float
    came: Mapping[str, bytes]


class NativeCaller:
    """A platform that speaks Huazha's own protocol, as `client.play` does."""

    frame_seconds = FRAME_SECONDS
    over = False

    def __init__(self, recording: Recording, language: str) -> None:
        self.encoding, self.sample_rate, self.channels = recording.encoding, recording.sample_rate, recording.channels
        self._call_id = recording.path.stem
        self._language = language

    def dial(self, service: str) -> Dial:
        return Dial(f"{service}/v1/calls")

    def begin(self) -> Sequence[Message]:
        return [
            start_message(
                call_id=self._call_id,
                encoding=self.encoding,
                sample_rate=self.sample_rate,
                channels=self.channels,
                language=self._language,
            )
        ]

    def audio(self, payload: bytes) -> Sequence[Message]:
        return [payload]

    def receive(self, message: Message) -> Sequence[Message]:
        return []

    def end(self) -> Sequence[Message]:
        return [stop_message()]


async def run(running: Service, labelled: Sequence[LabelledCall], platform: str) -> list[Outcome]:
    """Measure every call as a platform sends it, one after the other.

    Raises:
      CallFailed: the service can't be reached, or broke a call off.
    """
    outcomes = []
    service = running.media.url.removesuffix("/v1/calls")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"Streaming as {platform}", total=len(labelled))
        for call in labelled:
            recording = recordings.read(call.path)
            with _listening(running.bus) as heard:
                began = time.monotonic()
                async for _ in dialling.play(callers_of(platform, recording, call.language), recording, service):
                    pass
                while running.media.live:  # noqa: ASYNC110 - nothing tells of it here
                    await asyncio.sleep(0.05)
            if [fields["outcome"] for _, kind, fields in heard if kind == "call.stopped"] != ["completed"]:
                raise CallFailed(service, f"did not take {call.path.name} to its end")
            messages = [Received(at - began, {"type": TOLD[kind], **fields}) for at, kind, fields in heard]
            outcomes.append(judge(call, messages))
            progress.advance(bar)
    return outcomes


def callers_of(platform: str, recording: Recording, language: str) -> Sequence[Caller]:
    """Give a caller for each socket of a call."""
    if platform == NATIVE:
        return [NativeCaller(recording, language)]
    return dialling.CALLERS[platform](Placed(recording.path.stem, recording.channels, language))


def cost(platform: str, played: Sequence[Recording]) -> Cost:
    """Measure what a dialect adds to whole calls, all sockets of them together."""
    passed = [passage(caller, recording) for recording in played for caller in callers_of(platform, recording, "zh")]
    return weigh(platform, passed)


def weigh(platform: str, passed: Sequence[Passage]) -> Cost:
    """Put what became of several sockets into one row of figures."""
    taken = [milliseconds for one in passed for milliseconds in one.taken]
    p50, p99, most = (round(float(np.percentile(taken, percent)), 4) for percent in (50, 99, 100))
    return Cost(platform, p50, p99, most, round(max(one.held for one in passed), 3))


def passage(caller: Caller, recording: Recording) -> Passage:
    """Send a recording from a caller into its dialect, from the first message to the loss of the socket.

    Raises:
      ProtocolError: the dialect takes what the caller says for a mistake.
    """
    line = _Line(caller)
    line.say(caller.begin())
    samples = dialling.legs_of(recording, caller)
    step = round(caller.frame_seconds * caller.sample_rate)
    held = 0
    for at in range(0, len(samples), step):
        frame = samples[at : at + step]
        line.say(caller.audio(encode(frame.reshape(-1), caller.encoding)))
        held = max(held, at + len(frame) - min(line.position.values()))
    line.say(caller.end())
    line.lose()
    return Passage(line.taken, held / caller.sample_rate * 1000, line.came)


class _Line:
    """A socket without one: a caller's messages go into its dialect, and the dialect's replies back.

    Attributes:
      position: samples of each leg that have come out, or were given up.
      taken, came: as in `Passage`.
    """

    def __init__(self, caller: Caller) -> None:
        self.taken: list[float] = []
        self.came = dict.fromkeys(caller.channels, b"")
        self.position = dict.fromkeys(caller.channels, 0)
        self._caller = caller
        dial = caller.dial(SERVICE)
        target = dial.url.removeprefix(SERVICE)
        path, _, query = target.partition("?")
        platform = KNOWN[path].platform
        headers = {"host": "127.0.0.1", **{name.lower(): value for name, value in dial.headers.items()}}
        upgrade = Upgrade(target, dict(parse_qsl(query, keep_blank_values=True)), headers)
        section = section_of(platform, PlatformSettings())
        self._dialect = platform.dialect(upgrade, section, Limits().max_message_bytes)

    def say(self, messages: Sequence[Message]) -> None:
        """Send messages, and what the caller answers to the replies."""
        waiting = deque(messages)
        while waiting:
            message = waiting.popleft()
            began = time.perf_counter()
            if isinstance(message, str):
                events = self._dialect.receive_text(message)
            else:
                events = self._dialect.receive_binary(message)
            self.taken.append((time.perf_counter() - began) * 1000)
            waiting.extend(self._take(events))

    def lose(self) -> None:
        """Close the socket."""
        self._take(self._dialect.connection_lost())

    def _take(self, events: Sequence[Incoming]) -> list[Message]:
        answers: list[Message] = []
        for event in events:
            match event:
                case AudioFrame(channel, position, payload):
                    self.came[channel] += payload
                    self.position[channel] = position + len(payload) // self._caller.encoding.width
                case Gap(channel, samples):
                    self.position[channel] += samples
                case Reply(message):
                    answers += self._caller.receive(message)
                case Failed(error):
                    raise error
        return answers


@contextmanager
def _listening(bus: Bus) -> Iterator[list[tuple[float, str, Mapping[str, Any]]]]:
    """Collect what the service tells of calls, with the second at which it does."""
    heard: list[tuple[float, str, Mapping[str, Any]]] = []

    def hear(kind: str, fields: Mapping[str, Any]) -> None:
        if kind in TOLD:
            heard.append((time.monotonic(), kind, fields))

    with overheard(bus, hear):
        yield heard
