"""What Asterisk sends, for tests of the dialect and of the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from streamer.dialects.asterisk import AsteriskDialect, AsteriskSettings
from streamer.dialects.dialect import Upgrade
from streamer.dialects.events import Failed, Incoming
from streamer.types import CallStarted

LIMIT = 1 << 20

# Verbatim from https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/.
FIRST_RELEASES = (
    "MEDIA_START connection_id:e226e283-c90a-4ea9-9e37-389000b9ef47 channel:WebSocket/connectionid format:ulaw"
    " optimal_frame_size:160"
)
PLAIN = (
    "MEDIA_START connection_id:e226e283-c90a-4ea9-9e37-389000b9ef47 channel:WebSocket/connectionid"
    " channel_id:pbx1-123456789.999 format:ulaw optimal_frame_size:160 ptime:20"
)
JSON = """{
    "event": "MEDIA_START",
    "connection_id": "e226e283-c90a-4ea9-9e37-389000b9ef47",
    "channel": "WebSocket/connectionid",
    "channel_id": "pbx1-123456789.999",
    "format": "ulaw",
    "optimal_frame_size": 160,
    "ptime": 20,
    "channel_variables": {
        "SOME_CHANNEL_VARIABLE": "some value",
        "ANOTHER_CHANNEL_VARIABLE": "some other value"
    }
}"""
# From the changelog of 22.8.0, which brought the second form.
CHANGELOG = json.dumps(
    {
        "event": "MEDIA_START",
        "connection_id": "media_connection1",
        "channel": "WebSocket/media_connection1/0x5140001a0040",
        "channel_id": "1761245643.1",
        "format": "ulaw",
        "optimal_frame_size": 160,
        "ptime": 20,
        "channel_variables": {
            "DIALEDPEERNUMBER": "media_connection1/c(ulaw)",
            "MEDIA_WEBSOCKET_CONNECTION_ID": "media_connection1",
            "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": "160",
        },
    }
)
# As `channels/chan_websocket.c` writes them, in both forms.
OTHERS = [
    "MEDIA_XON",
    "MEDIA_XOFF",
    "QUEUE_DRAINED",
    "DTMF_END digit:# channel_id:1761245643.1",
    "MEDIA_BUFFERING_COMPLETED",
    "MEDIA_BUFFERING_COMPLETED 61ea9311-d501-46e5-8825-017b342b39f2",
    "MEDIA_MARK_PROCESSED 61ea9311-d501-46e5-8825-017b342b39f2",
    "STATUS channel_id:1761245643.1 queue_length:0 xon_level:800 xoff_level:900 queue_full:false bulk_media:false"
    " media_paused:false",
    "ERROR channel_id:1761245643.1 error_text:FLUSH_MEDIA not supported in passthrough mode",
    '{"event":"MEDIA_XOFF","channel_id":"1761245643.1"}',
    '{"event":"DTMF_END","channel_id":"1761245643.1","digit":"#"}',
    '{"event":"MEDIA_MARK_PROCESSED","channel_id":"1761245643.1","correlation_id":""}',
    '{"event":"STATUS","channel_id":"1761245643.1","queue_length":0,"xon_level":800,"xoff_level":900,'
    '"queue_full":false,"bulk_media":false,"media_paused":false}',
    '{"event":"ERROR","channel_id":"1761245643.1","error_text":"Unable to parse JSON command"}',
]


def dialect(query: Mapping[str, str] | None = None, section: AsteriskSettings | None = None) -> AsteriskDialect:
    return AsteriskDialect(Upgrade("/v1/asterisk", query or {}), section or AsteriskSettings(), LIMIT)


def started(name: str = "ulaw", query: Mapping[str, str] | None = None) -> AsteriskDialect:
    machine = dialect(query)
    (event,) = machine.receive_text(PLAIN.replace("ulaw", name))
    assert isinstance(event, CallStarted)
    return machine


def failure(events: Sequence[Incoming]) -> Exception:
    (event,) = events
    assert isinstance(event, Failed)
    return event.error


SECTION = AsteriskSettings.model_validate({"username": "pbx", "password": "media-secret"})
