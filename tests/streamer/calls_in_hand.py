"""Calls without sockets or a recogniser, for tests that hold them in their hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL, Policy
from detector.types import Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from streamer.call import Call
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.recognition.sounds.search import SoundSearch
from streamer.types import (
    AudioFrame,
    CallStarted,
    Encoding,
    Gap,
    Outgoing,
    Transcript,
)

TABLE = compile_lexicon(
    parse(
        "lexicon: t\nlanguage: zh\nrules:\n"
        "  - {id: promise, category: c, severity: block, terms: [保本], allow: [保本是不可能]}\n"
        "  - {id: secret, category: c, severity: block, terms: [内部消息]}\n"
        "  - {id: pressure, category: c, severity: alert, terms: [最后一天]}\n"
        "  - {id: risk, category: c, severity: alert, terms: [投资有风险], required: {by: end}}\n",
        "t.yaml",
    ),
    "zh",
)


class AlwaysSpeech:
    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ones(len(frames), dtype=np.float32)


class Clock:
    """Stands still unless it is read: each reading is a millisecond later; a test may move it on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def begin(
    *channels: str,
    policy: Policy = USUAL,
    clock: Clock | None = None,
    joins: bool = False,
    search: SoundSearch | None = None,
) -> Call:
    channels = channels or ("agent",)
    started = CallStarted("c-1", Encoding.PCM_S16LE, 16_000, channels, "zh", joins=joins)
    return Call(
        started,
        language="zh",
        detector=Detector(TABLE, ACTIONS, policy),
        speech_models={channel: AlwaysSpeech() for channel in channels},
        clock=clock or Clock(),
        policy=policy,
        search=search,
    )


def process(call: Call) -> list[Outgoing]:
    """Process what has come in, here and now."""
    return [event for portion in call.portions() for event in call.take(portion.channel, portion.process())]


def receive(call: Call, frame: AudioFrame) -> list[Outgoing]:
    call.receive(frame)
    return process(call)


def skip(call: Call, gap: Gap) -> list[Outgoing]:
    call.skip(gap)
    return process(call)


def pause(call: Call, channels: Sequence[str]) -> list[Outgoing]:
    call.legs.pause(channels, on=True)
    return process(call)


def watch(call: Call, patience: float = 5.0) -> list[Outgoing]:
    """Look at the clock."""
    return [*call.watch(patience), *process(call)]


def stop(call: Call) -> list[Outgoing]:
    call.stop()
    return process(call)


def speak(call: Call, seconds: float, channel: str = "agent") -> list[Window]:
    receive(call, AudioFrame(channel, 0, b"\1\0" * int(16_000 * seconds)))
    return windows(call)


def windows(call: Call, now: float = 100.0) -> list[Window]:
    return [window for turn in call.due(now) if (window := turn.cut(True)) is not None]


def words(text: str, start: float = 0.0) -> Hypothesis:
    return Hypothesis(tuple(Word(char, start + i * 0.2, start + (i + 1) * 0.2, 0.8) for i, char in enumerate(text)))


def hear(call: Call, window: Window, hypothesis: Hypothesis) -> list[Outgoing]:
    return [*call.heard(window, hypothesis), *call.reread()]


def signals(call: Call, window: Window, hypothesis: Hypothesis) -> list[Outgoing]:
    """Hear a window; give what comes of it but the text."""
    return [event for event in hear(call, window, hypothesis) if not isinstance(event, Transcript)]


def kinds(events: list[Outgoing]) -> list[type]:
    return [type(event) for event in events]
