"""What a platform's dialect adds: calls as that platform sends them, and the time that its messages take to read.

Used by `benchmarks.latency --as`. A platform that only listens is told to block on its control port, so a block is seen
where the service tells of it, one call at a time. What the dialect itself adds is measured without sockets: a caller's
messages go straight into the service's machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.calls import LabelledCall
from benchmarks.streams import Outcome, judge
from streamer import dialling, recordings
from streamer.audio import encode
from streamer.bus import Bus, CallName
from streamer.callers.caller import Caller, Placed
from streamer.client import Received
from streamer.dialects.dialect import Upgrade
from streamer.dialects.native import start_message
from streamer.platform_settings import PlatformSettings
from streamer.platforms import KNOWN, section_of
from streamer.recordings import Recording
from streamer.service import Service
from streamer.types import AudioFrame, CallStarted

NATIVE = "native"
LIMIT = 1 << 20
TOLD = {"violation": "violation", "block": "block", "call.stopped": "stopped"}
"""Events that are judged, and what Huazha's own protocol calls them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a dialect adds.

    Attributes:
      p50, p99, most: milliseconds that a message takes.
      held: milliseconds of audio that were sent and had not come out, at most, after a message.
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


async def run(running: Service, labelled: Sequence[LabelledCall], platform: str) -> list[Outcome]:
    """Measure every call as a platform sends it, one after the other."""
    outcomes = []
    service = running.media.url.removesuffix("/v1/calls")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"Streaming as {platform}", total=len(labelled))
        for call in labelled:
            recording = recordings.read(call.path)
            placed = Placed(call.path.stem, recording.channels, call.language)
            with _listening(running.bus) as heard:
                began = time.monotonic()
                async for _ in dialling.play(dialling.CALLERS[platform](placed), recording, service):
                    pass
                while running.media.live:  # noqa: ASYNC110 - nothing tells of it here
                    await asyncio.sleep(0.05)
            messages = [Received(at - began, {"type": TOLD[kind], **fields}) for at, kind, fields in heard]
            outcomes.append(judge(call, messages))
            progress.advance(bar)
    return outcomes


def cost(platform: str, recording: Recording) -> Cost:
    """Measure what a dialect adds to one call, all its sockets together."""
    taken: list[float] = []
    held = 0.0
    for path, query, rate, channels, messages in _sockets(platform, recording):
        known = KNOWN[path].platform
        upgrade = Upgrade(f"{path}{query}", _query(query), {"host": "127.0.0.1"})
        dialect = known.dialect(upgrade, section_of(known, PlatformSettings()), LIMIT)
        out: dict[str, int] = dict.fromkeys(channels, 0)
        width = 1
        for message, sent in messages:
            began = time.perf_counter()
            events = dialect.receive_text(message) if isinstance(message, str) else dialect.receive_binary(message)
            taken.append((time.perf_counter() - began) * 1000)
            for event in events:
                if isinstance(event, CallStarted):
                    width = event.encoding.width
                elif isinstance(event, AudioFrame):
                    out[event.channel] += len(event.payload) // width
            if sent:
                held = max(held, (sent - min(out.values())) / rate * 1000)
    p50, p99, most = (round(float(np.percentile(taken, percent)), 4) for percent in (50, 99, 100))
    return Cost(platform, p50, p99, most, round(held, 3))


def _sockets(
    platform: str, recording: Recording
) -> list[tuple[str, str, int, tuple[str, ...], list[tuple[str | bytes, int]]]]:
    """Give each socket's path, query, rate, channels, and messages, each with the samples a channel sent by then."""
    if platform == NATIVE:
        start = start_message(
            call_id="c-1",
            encoding=recording.encoding,
            sample_rate=recording.sample_rate,
            channels=recording.channels,
            language="zh",
        )
        step = round(0.02 * recording.sample_rate)
        messages: list[tuple[str | bytes, int]] = [(start, 0)]
        for count, frame in enumerate(recording.frames(0.02), 1):
            messages.append((frame, min(count * step, len(recording.samples))))
        return [("/v1/calls", "", recording.sample_rate, recording.channels, messages)]
    callers = dialling.CALLERS[platform](Placed(recording.path.stem, recording.channels, "zh"))
    return [_socket(caller, recording) for caller in callers]


def _socket(
    caller: Caller, recording: Recording
) -> tuple[str, str, int, tuple[str, ...], list[tuple[str | bytes, int]]]:
    path, mark, query = caller.dial("ws://127.0.0.1").url.removeprefix("ws://127.0.0.1").partition("?")
    messages: list[tuple[str | bytes, int]] = [(message, 0) for message in caller.begin()]
    samples = dialling.legs_of(recording, caller)
    step = round(caller.frame_seconds * caller.sample_rate)
    known = KNOWN[path].platform
    dialect = known.dialect(Upgrade(path + mark + query, _query(query), {"host": "127.0.0.1"}), _section(path), LIMIT)
    # What the service answers at first may be what the platform waits for before it sends audio.
    for message, _ in [*messages]:
        for event in dialect.receive_text(message) if isinstance(message, str) else dialect.receive_binary(message):
            if isinstance(answer := getattr(event, "message", None), str):
                messages += [(reply, 0) for reply in caller.receive(answer)]
    for at in range(0, len(samples), step):
        frame = samples[at : at + step]
        if len(frame) == step:
            payload = encode(frame.reshape(-1), caller.encoding)
            messages += [(message, at + step) for message in caller.audio(payload)]
    # Until a frame's last message has been sent, only what came before it can have come out.
    whole = [(message, sent if following != sent else 0) for (message, sent), following in _with_next(messages)]
    return path, mark + query, caller.sample_rate, caller.channels, whole


def _with_next(messages: Sequence[tuple[str | bytes, int]]) -> list[tuple[tuple[str | bytes, int], int]]:
    following = [sent for _, sent in messages[1:]] + [-1]
    return list(zip(messages, following, strict=True))


def _section(path: str) -> Any:
    return section_of(KNOWN[path].platform, PlatformSettings())


def _query(query: str) -> dict[str, str]:
    return dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True))


@contextmanager
def _listening(bus: Bus) -> Iterator[list[tuple[float, str, Mapping[str, Any]]]]:
    """Collect what the service tells of calls, with the second at which it does."""
    heard: list[tuple[float, str, Mapping[str, Any]]] = []
    tell = bus.tell

    def listen(kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Any:
        if kind in TOLD:
            heard.append((time.monotonic(), kind, dict(fields or {})))
        return tell(kind, about, fields)

    bus.tell = listen  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        bus.tell = tell  # type: ignore[method-assign]
