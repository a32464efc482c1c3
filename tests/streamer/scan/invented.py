"""Results of scans that never were, for tests that need some."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from detector.types import Missing
from streamer.audio import encode
from streamer.record.clips import Clip
from streamer.scan.journaling import Run
from streamer.scan.results import About, Found, Key, Scanned
from streamer.types import Encoding

BEGAN = datetime(2026, 1, 5, 2, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
"""When the calls were made, and when they are scanned."""
RATE = 8000
KEY = Key("0" * 64, "bank-1", "Whisper base", "zh", "agent,customer")


def found(name: str = "v-1", **fields: Any) -> Found:
    """Give a violation, twelve seconds and a half into the call."""
    one = Found(
        violation_id=name,
        channel="agent",
        rule_id="promise",
        category="guarantee",
        severity="block",
        term="保本",
        heard="宝本",
        match="phonetic",
        confidence=0.9,
        start=12.5,
        end=13.1234567,
        text="这款产品宝本的",
        say_instead="理财有风险",
    )
    return replace(one, **fields)


def result(file: str = "rec/0001.wav", **fields: Any) -> Scanned:
    """Give a call of a minute in which two things were said, and one was not."""
    one = Scanned(
        file=file,
        key=KEY,
        about=About("0001", "Li Na", BEGAN.isoformat()),
        channels=("agent", "customer"),
        duration=60.0,
        speech_seconds=50.0,
        unheard_seconds=1.5,
        found=(found(), found("v-2", rule_id="absolute", severity="alert", start=30.0, end=30.5)),
        undisclosed=(Missing("risk", "disclosure", "alert", ("投资有风险",), None),),
        metrics={},
        silenced={},
    )
    return replace(one, **fields)


def clip(violation_id: str, seconds: float = 2.0) -> Clip:
    """Give the audio around a violation."""
    hum = 0.5 * np.sin(np.arange(round(seconds * RATE)) * 0.3).astype(np.float32)
    audio = {channel: encode(hum, Encoding.PCM_S16LE) for channel in ("agent", "customer")}
    return Clip(violation_id, 11.5, Encoding.PCM_S16LE, RATE, audio, {})


def run(**fields: Any) -> Run:
    """Give the account of a scan."""
    one = Run(
        status="finished",
        began=BEGAN + timedelta(days=30),
        ended=BEGAN + timedelta(days=30, minutes=9),
        paths=("rec",),
        files=4,
        scanned=2,
        reused=1,
        unreadable=1,
        seconds=180.0,
        violations=6,
        missing=3,
        lexicon_version="bank-1",
        model="Whisper base",
    )
    return replace(one, **fields)
