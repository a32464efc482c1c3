"""What events say, for tests that need some."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Engine, select

from streamer.record.event import Event
from streamer.record.schema import journal

STARTED: dict[str, Any] = {
    "gateway": "here",
    "language": "zh",
    "channels": ["agent", "customer"],
    "metadata": {},
    "model": "base",
    "lexicon_version": "1",
}
STOPPED: dict[str, Any] = {
    "outcome": "completed",
    "duration": 9.5,
    "violations": 1,
    "missing": [],
    "blind_seconds": 0.5,
}
METRICS: dict[str, Any] = {
    "talk_seconds": {"agent": 31.2, "customer": 10.4},
    "talk_ratio": {"agent": 0.75, "customer": 0.25},
    "silence_seconds": 12.5,
    "longest_silence": {"seconds": 5.1, "from": 10.0, "to": 15.1},
    "overlap_seconds": 1.2,
    "pace": {"agent": 262.4, "customer": None},
    "fastest": {"agent": {"pace": 301.0, "from": 3.0, "to": 34.0}, "customer": None},
    "unit": "characters",
}
VIOLATION: dict[str, Any] = {
    "violation_id": "v-1",
    "status": "fired",
    "rule_id": "promise",
    "category": "guarantee",
    "severity": "block",
    "term": "保本",
    "heard": "宝本",
    "match": "phonetic",
    "confidence": 0.9,
    "channel": "agent",
    "start": 3.0,
    "end": 3.5,
    "say_instead": "理财有风险",
    "text": "这个宝本",
    "lexicon_version": "1",
}
BLOCK: dict[str, Any] = {
    "violation_id": "v-1",
    "action": "mute",
    "channel": "agent",
    "rule_id": "promise",
    "term": "保本",
    "audio_end": 3.5,
    "audio_received": 3.9,
    "match_to_signal_ms": 0.4,
    "say_instead": None,
    "by": "policy",
}


def kept(engine: Engine) -> list[Event]:
    """Give all events of a journal, whichever gateway told them, in the order of the chain."""
    with engine.connect() as connection:
        bodies = connection.scalars(select(journal.c.body).order_by(journal.c.position)).all()
    return [Event.from_json(json.loads(body)) for body in bodies]
