"""Messages of the media streams' platforms as their documents have them, and machines to put them to."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from streamer.dialects import plivo, signalwire, telnyx, twilio
from streamer.dialects.dialect import Dialect, Platform, Section, Upgrade
from streamer.dialects.events import Failed, Incoming
from streamer.dialects.media_streams import MediaStreamsSettings
from streamer.errors import ProtocolError

LIMIT = 1 << 16
PLATFORMS: list[tuple[Platform, type[MediaStreamsSettings]]] = [
    (twilio.PLATFORM, twilio.TwilioSettings),
    (signalwire.PLATFORM, signalwire.SignalWireSettings),
    (telnyx.PLATFORM, telnyx.TelnyxSettings),
    (plivo.PLATFORM, plivo.PlivoSettings),
]
BY_NAME = {platform.name: (platform, section) for platform, section in PLATFORMS}


def opened(name: str, query: Mapping[str, str] | None = None, section: Section | None = None) -> Dialect:
    platform, settings_of = BY_NAME[name]
    return platform.dialect(Upgrade(platform.path, query or {}), section or settings_of(), LIMIT)


def failure(events: list[Incoming]) -> ProtocolError:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error


def said(dialect: Dialect, *messages: Mapping[str, Any] | str) -> list[Incoming]:
    texts = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    return [event for text in texts for event in dialect.receive_text(text)]


def changed(message: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {**message, name: changed(message.get(name, {}), rest, value) if rest else value}


AUDIO = bytes(range(160))
PAYLOAD = base64.b64encode(AUDIO).decode()

# https://www.twilio.com/docs/voice/media-streams/websocket-messages; its payloads are cut short there.
TWILIO_CONNECTED = '{"event": "connected", "protocol": "Call", "version": "1.0.0"}'
TWILIO_START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane", "LastName": "Doe", "RemoteParty": "Bob"},
    },
    "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
}
TWILIO_MEDIA = {
    "event": "media",
    "sequenceNumber": "3",
    "media": {"track": "outbound", "chunk": "1", "timestamp": "5", "payload": PAYLOAD},
    "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
}
TWILIO_DTMF = {
    "event": "dtmf",
    "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "sequenceNumber": "5",
    "dtmf": {"track": "inbound_track", "digit": "1"},
}
TWILIO_STOP = {
    "event": "stop",
    "sequenceNumber": "5",
    "stop": {"accountSid": "ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "callSid": "CAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"},
    "streamSid": "MZXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
}
BOTH = changed(TWILIO_START, "start.tracks", ["inbound", "outbound"])


# https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
TELNYX_START = {
    "event": "start",
    "sequence_number": "1",
    "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
    "start": {
        "user_id": "3E6F995F-85F7-4705-9741-53B116D28237",
        "call_control_id": "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ",
        "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f",
        "from": "+13122010094",
        "to": "+13122123456",
        "tags": ["TAG1", "TAG2"],
        "client_state": "aGF2ZSBhIG5pY2UgZGF5ID1d",
        "custom_parameters": {"customer_id": "customer_123"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
}
TELNYX_MEDIA = {
    "event": "media",
    "sequence_number": "4",
    "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
    "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": PAYLOAD},
}


# https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference
PLIVO_START = {
    "event": "start",
    "sequenceNumber": 1,
    "start": {
        "callId": "12345678-1234-1234-1234-123456789abc",
        "streamId": "87654321-4321-4321-4321-cba987654321",
        "accountId": "MAXXXXXXXXXXXXXXXXXX",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    },
    "extra_headers": "userId=12345;sessionId=abc-xyz",
}
PLIVO_MEDIA = {
    "event": "media",
    "sequenceNumber": 42,
    "streamId": "87654321-4321-4321-4321-cba987654321",
    "media": {"track": "inbound", "timestamp": "1705312200000", "chunk": 41, "payload": PAYLOAD},
    "extra_headers": "userId=12345;sessionId=abc-xyz",
}
