"""What AudioHook sends, for tests of the dialect and of the caller."""

from __future__ import annotations

import json
from typing import Any

from streamer.dialects.audiohook import PLATFORM, AudiohookDialect, AudiohookSettings
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Failed, Incoming, Reply
from streamer.errors import ProtocolError
from streamer.types import CallStarted

LIMIT = 1 << 20
SESSION = "30b0e395-84d3-4570-ac13-9a62d8f514c0"
ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
CALL = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
PARTICIPANT = "883efee8-3d6c-4537-b500-6d7ca4b92fa0"
HEADERS = {
    "audiohook-session-id": SESSION,
    "audiohook-organization-id": ORGANIZATION,
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
}
STEREO = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
EXTERNAL = {**STEREO, "channels": ["external"]}
INTERNAL = {**STEREO, "channels": ["internal"]}
# As the vendor's client writes it, with a conversation of two channels.
OPEN = (
    '{"version":"2","type":"open","id":"30b0e395-84d3-4570-ac13-9a62d8f514c0","seq":1,"serverseq":0,"position":"PT0S",'
    '"parameters":{"organizationId":"d7934305-0972-4844-938e-9060eef73d05",'
    '"conversationId":"090eaa2f-72fa-480a-83e0-8667ff89c0ec",'
    '"participant":{"id":"883efee8-3d6c-4537-b500-6d7ca4b92fa0","ani":"+1-555-555-1234","aniName":"John Doe",'
    '"dnis":"+1-800-555-6789"},'
    '"media":[{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000},'
    '{"type":"audio","format":"PCMU","channels":["external"],"rate":8000},'
    '{"type":"audio","format":"PCMU","channels":["internal"],"rate":8000}]}}'
)
# As Genesys Cloud sent it for an Audio Connector, which has but the caller's channel.
CONNECTOR = {
    "version": "2",
    "id": "3ccd9712-cdbe-44f7-bcc1-486e2a1a8ff6",
    "type": "open",
    "seq": 1,
    "position": "PT0.0S",
    "parameters": {
        "organizationId": "22352111-6076-492a-8163-514a00723975",
        "conversationId": "28faf323-fd6e-4bc8-b859-fb25b133d16d",
        "participant": {
            "id": "28faf323-fd6e-4bc8-b859-fb25b133d16d",
            "ani": "tel:+491604697810",
            "aniName": "",
            "dnis": "+493070016507",
        },
        "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
        "language": "en-us",
        "inputVariables": {},
    },
    "serverseq": 0,
}


class Client:
    """Numbers messages as a client does, and reads answers as it would."""

    def __init__(self, dialect: AudiohookDialect) -> None:
        self.dialect = dialect
        self.seq = 0
        self.serverseq = 0

    def message(self, kind: str, parameters: Any = None, **other: Any) -> str:
        self.seq += 1
        head = {"version": "2", "type": kind, "id": SESSION, "seq": self.seq, "serverseq": self.serverseq}
        return json.dumps({**head, "position": "PT0S", "parameters": parameters or {}, **other})

    def say(self, kind: str, parameters: Any = None, **other: Any) -> list[Incoming]:
        events = self.dialect.receive_text(self.message(kind, parameters, **other))
        self.serverseq += sum(isinstance(event, Reply) for event in events)
        return events


def dialect(upgrade: Upgrade | None = None, **of: Any) -> AudiohookDialect:
    return AudiohookDialect(
        upgrade or Upgrade(PLATFORM.path, headers=HEADERS), AudiohookSettings.model_validate(of), LIMIT
    )


def opening(**parameters: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(OPEN)["parameters"]
    return {**fields, **parameters}


def opened(upgrade: Upgrade | None = None, **parameters: Any) -> tuple[Client, list[Incoming]]:
    client = Client(dialect(upgrade))
    return client, client.say("open", opening(**parameters))


def answer(event: Incoming) -> dict[str, Any]:
    assert isinstance(event, Reply)
    fields: dict[str, Any] = json.loads(event.message)
    return fields


def call(events: list[Incoming]) -> CallStarted:
    (started,) = (event for event in events if isinstance(event, CallStarted))
    return started


def failure(events: list[Incoming]) -> ProtocolError:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error
