"""Asterisk in small: its WebSocket channel, dialled once for each leg. Pure.

As `channels/chan_websocket.c` speaks: plain text unless `f(json)` is set, 20 ms of G.711 a message, and no word at the
end. What it takes from a server are commands of up to 128 bytes, and audio.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from streamer.callers.caller import Dial, Message, Placed, Refused
from streamer.dialects.asterisk import PATH, SUBPROTOCOL
from streamer.types import Encoding

CONNECTION = "huazha"
"""The name of the connection in `websocket_client.conf`."""
FRAME = 160
"""Bytes of 20 ms."""
COMMAND_BYTES = 128
MESSAGE_BYTES = 65_500

SILENT = frozenset({"ANSWER", "HANGUP", "START_MEDIA_BUFFERING", "FLUSH_MEDIA", "PAUSE_MEDIA", "CONTINUE_MEDIA"})
"""Commands that are carried out without an answer."""


class AsteriskCaller:
    """Asterisk's side of one media socket.

    Args:
      placed: the call; the secrets `username` and `password` are those of `websocket_client.conf`.
      leg: whose voice it brings.
      as_json: whether the dial string has `f(json)`: then channel variables say whose voice that is, as they should,
        and otherwise the address.
    """

    encoding = Encoding.MULAW
    sample_rate = 8000
    frame_seconds = 0.02

    def __init__(self, placed: Placed, leg: str, *, as_json: bool = True) -> None:
        self.channels: tuple[str, ...] = (leg,)
        self._placed = placed
        self._leg = leg
        self._as_json = as_json
        self._id = f"{placed.call_id}-{leg}-media"
        self._buffering = False
        self._over = False

    @property
    def over(self) -> bool:
        """Whether Asterisk closes the socket now."""
        return self._over

    def dial(self, service: str) -> Dial:
        """Ask as `WebSocket/huazha/c(ulaw)f(json)` makes it ask, or else `WebSocket/huazha/c(ulaw)v(leg=...)`."""
        placed, headers = self._placed, {}
        if password := placed.secrets.get("password"):
            pair = f"{placed.secrets.get('username', 'huazha')}:{password}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        query = "" if self._as_json else f"?{urlencode(self._told())}"
        return Dial(f"{service}{PATH}{query}", headers, SUBPROTOCOL)

    def begin(self) -> Sequence[Message]:
        """Say `MEDIA_START`."""
        facts: dict[str, str | int] = {
            "connection_id": CONNECTION,
            "channel": f"WebSocket/{CONNECTION}/0x7f0638004770",
            "channel_id": self._id,
            "format": "ulaw",
            "optimal_frame_size": FRAME,
            "ptime": 20,
        }
        if self._as_json:
            variables = {"MEDIA_WEBSOCKET_CONNECTION_ID": CONNECTION, "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": str(FRAME)}
            variables |= {f"HUAZHA_{name.upper()}": value for name, value in self._told().items()}
            return [_compact({"event": "MEDIA_START", **facts, "channel_variables": variables})]
        return [" ".join(["MEDIA_START", *(f"{name}:{value}" for name, value in facts.items())])]

    def audio(self, payload: bytes) -> Sequence[Message]:
        """Send the samples bare."""
        return [payload]

    def receive(self, message: Message) -> Sequence[Message]:
        """Carry out a command, or play audio into the leg."""
        if isinstance(message, bytes):
            self._play(message)
            return []
        if not 0 < len(message.encode()) <= COMMAND_BYTES:
            raise Refused(f"a command must have 1 to {COMMAND_BYTES} bytes")
        command, correlation = self._command(message)
        if command in {"START_MEDIA_BUFFERING", "STOP_MEDIA_BUFFERING", "FLUSH_MEDIA"}:
            self._buffering = command == "START_MEDIA_BUFFERING"
        self._over = self._over or command == "HANGUP"
        if command in SILENT:
            return []
        match command:
            case "STOP_MEDIA_BUFFERING":
                return [self._event("MEDIA_BUFFERING_COMPLETED", correlation)]
            case "MARK_MEDIA":
                return [self._event("MEDIA_MARK_PROCESSED", correlation)]
            case "REPORT_QUEUE_DRAINED":
                return [self._event("QUEUE_DRAINED")]
            case "GET_STATUS":
                return [self._status()]
        raise Refused(f"{command[:40]!r} is an unknown command")

    def end(self) -> Sequence[Message]:
        """Close, without a word."""
        self._over = True
        return []

    def _told(self) -> dict[str, str]:
        placed = self._placed
        told = {"leg": self._leg, "call": placed.call_id}
        told |= {f"{leg}_channel": channel_id(placed.call_id, leg) for leg in placed.channels}
        if placed.language:
            told["language"] = placed.language
        if token := placed.secrets.get("token"):
            told["token"] = token
        return told

    def _play(self, message: bytes) -> None:
        if len(message) > MESSAGE_BYTES:
            raise Refused(f"{len(message)} bytes in a message, over {MESSAGE_BYTES}: the call is hung up")
        if len(message) % FRAME and not self._buffering:
            raise Refused(f"{len(message)} bytes are no whole frames of {FRAME}: the rest is dropped")

    def _command(self, message: str) -> tuple[str, str]:
        if not self._as_json:
            command, _, correlation = message.strip().partition(" ")
            return command, correlation
        try:
            fields = json.loads(message)
        except ValueError:
            raise Refused("a command must be JSON") from None
        if not isinstance(fields, dict):
            raise Refused("a command must be a JSON object")
        return str(fields.get("command")), str(fields.get("correlation_id", ""))

    def _event(self, name: str, correlation: str | None = None) -> str:
        if self._as_json:
            more = {} if correlation is None else {"correlation_id": correlation}
            return _compact({"event": name, "channel_id": self._id, **more})
        return f"{name} {correlation}" if correlation else name

    def _status(self) -> str:
        facts: dict[str, str | int | bool] = {
            "channel_id": self._id,
            "queue_length": 0,
            "xon_level": 800,
            "xoff_level": 900,
            "queue_full": False,
            "bulk_media": self._buffering,
            "media_paused": False,
        }
        if self._as_json:
            return _compact({"event": "STATUS", **facts})
        return " ".join(["STATUS", *(f"{name}:{str(value).lower()}" for name, value in facts.items())])


def callers(placed: Placed) -> list[AsteriskCaller]:
    """Give one caller a leg: Asterisk's WebSocket channel is mono."""
    return [AsteriskCaller(placed, leg) for leg in placed.channels]


def channel_id(call_id: str, leg: str) -> str:
    """Name a leg's channel, as the REST interface would."""
    return f"{call_id}-{leg}"


def _compact(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
