"""Huazha's own media protocol, as `docs/protocol.md` has it: a machine without sockets. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from streamer import wire
from streamer.dialects.dialect import Platform, Upgrade
from streamer.dialects.events import Incoming, Reply
from streamer.dialects.guard import Guarded
from streamer.dialects.interleaved import Interleaved
from streamer.dialects.media_fields import as_text
from streamer.errors import BadField, BadJson, OutOfOrder, ProtocolError
from streamer.languages import NotALanguage, language_of
from streamer.types import CallStarted, CallStopped, Encoding, Gap, Outgoing, Remark, SignIn


class State(IntEnum):
    """Where the conversation stands."""

    AWAITING_START = 0
    STREAMING = 1
    STOPPED = 2
    FAILED = 3


class _Start(BaseModel):
    """The `start` message; what a platform adds to it is let pass."""

    model_config = ConfigDict(strict=True)

    call_id: Annotated[Annotated[str, Field(max_length=128)] | None, BeforeValidator(as_text)] = None
    encoding: Literal["mulaw", "alaw", "pcm_s16le"]
    sample_rate: Annotated[int, Field(ge=8000, le=48_000)]
    channels: Annotated[list[Literal["agent", "customer"]], Field(min_length=1, max_length=2)] = ["agent"]
    language: Annotated[Annotated[str, Field(max_length=128)] | None, BeforeValidator(as_text)] = None
    transcripts: bool = False
    metadata: dict[str, Any] | None = None
    token: Annotated[Annotated[str, Field(max_length=256)] | None, BeforeValidator(as_text)] = None

    @field_validator("call_id")
    @classmethod
    def _printable(cls, call_id: str | None) -> str | None:
        if call_id is not None and not call_id.isprintable():
            raise ValueError("must be printable characters")
        return call_id

    @field_validator("language")
    @classmethod
    def _a_tag(cls, language: str | None) -> str | None:
        # Whoever speaks this protocol is told what is wrong, and can mend it; platforms can't.
        try:
            language_of(language)
        except NotALanguage as error:
            raise ValueError(str(error)) from None
        return language

    @field_validator("channels")
    @classmethod
    def _distinct(cls, channels: list[str]) -> list[str]:
        if len(set(channels)) != len(channels):
            raise ValueError("must name each leg once")
        return channels


class NativeDialect(Guarded[State]):
    """The service's side of one connection.

    ```
    AWAITING_START --start--> STREAMING --stop, or connection lost--> STOPPED
          |                       |
          +------- mistake -------+--> FAILED
    ```

    Mistakes are answered as `Guarded` has it; of a message that is passed over the client is told, once for each code.

    Args:
      max_message_bytes: a message over this is a mistake.
      own_id: what a call is to be known by whose start has no `call_id`.
    """

    def __init__(self, max_message_bytes: int, own_id: str = "unnamed") -> None:
        super().__init__(
            State.AWAITING_START,
            failed=State.FAILED,
            deaf={State.FAILED},
            under_way={State.STREAMING},
            max_message_bytes=max_message_bytes,
        )
        self._own_id = own_id
        self._call_id: str | None = None
        self._samples = Interleaved((), 1)
        self._seq = 0
        self._told: set[str] = set()

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way."""
        if self.state is not State.STREAMING:
            return []
        self.state = State.STOPPED
        return [CallStopped("connection lost")]

    def send(self, event: Outgoing) -> str:
        """Put an event into words; in the order of the calls, each gets the next number."""
        return self._message(wire.kind(event), wire.fields(event))

    def send_error(self, error: ProtocolError) -> str:
        """Put a peer's mistake into words."""
        return self._message("error", wire.mistake(error))

    def _mistaken(self, error: ProtocolError, message: str | bytes) -> list[Incoming]:
        events = super()._mistaken(error, message)
        if self.state is State.STREAMING and error.code not in self._told:
            self._told.add(error.code)
            events.append(Reply(self._message("skipped", wire.mistake(error))))
        return events

    def _text(self, message: str) -> list[Incoming]:
        fields = _parse(message)
        match fields.get("type"):
            case "start":
                return self._begin(fields)
            case "stop":
                return self._end()
            case _:
                raise BadField("type", "must be start or stop")

    def _begin(self, fields: dict[str, Any]) -> list[Incoming]:
        if self.state is not State.AWAITING_START:
            raise OutOfOrder("a call has begun on this connection already", "type")
        try:
            start = _Start.model_validate(fields)
        except ValidationError as invalid:
            first = invalid.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise BadField(field, first["msg"]) from None
        self._call_id = start.call_id or self._own_id
        encoding = Encoding(start.encoding)
        unnamed = Remark("call_id", f"the start has no call_id; the call is known as {self._call_id}")
        started = CallStarted(
            self._call_id,
            encoding,
            start.sample_rate,
            tuple(start.channels),
            start.language,
            start.transcripts,
            start.metadata or {},
            remarks=() if start.call_id else (unnamed,),
        )
        self._samples = Interleaved(start.channels, encoding.width)
        self.state = State.STREAMING
        return [started] if start.token is None else [SignIn(start.token), started]

    def _end(self) -> list[Incoming]:
        if self.state is not State.STREAMING:
            raise OutOfOrder(f"stop while the call is {self.state.name.lower()}", "type")
        self.state = State.STOPPED
        return [CallStopped("stop")]

    def _binary(self, message: bytes) -> list[Incoming]:
        if self.state is not State.STREAMING:
            raise OutOfOrder(f"audio while the call is {self.state.name.lower()}")
        return [*self._samples.take(message)]

    def _lost(self, message: str | bytes) -> list[Gap]:
        return self._samples.passed_over(message)

    def _message(self, kind: str, fields: Mapping[str, Any]) -> str:
        self._seq += 1
        return json.dumps({"type": kind, "call_id": self._call_id, "seq": self._seq, **fields}, ensure_ascii=False)


def _dialect(upgrade: Upgrade, section: object, max_message_bytes: int) -> NativeDialect:
    return NativeDialect(max_message_bytes, upgrade.id)


PLATFORM = Platform("native", "/v1/calls", _dialect, redials=True, joins=False)


def start_message(
    *,
    call_id: str,
    encoding: Encoding,
    sample_rate: int,
    channels: Sequence[str],
    language: str | None = None,
    transcripts: bool = False,
) -> str:
    """Write a client's first message."""
    return json.dumps(
        {
            "type": "start",
            "call_id": call_id,
            "encoding": encoding,
            "sample_rate": sample_rate,
            "channels": list(channels),
            "language": language,
            "transcripts": transcripts,
        },
        ensure_ascii=False,
    )


def stop_message() -> str:
    """Write a client's last message."""
    return json.dumps({"type": "stop"})


def _parse(message: str) -> dict[str, Any]:
    try:
        fields = json.loads(message, parse_constant=_no_number, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"a text message must be a JSON object: {error}") from None
    if not isinstance(fields, dict):
        raise BadJson("a text message must be a JSON object")
    return fields


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says a thing twice: readers differ in which they believe (RFC 8259, section 4)."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return fields
