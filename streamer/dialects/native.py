"""Huazha's own media protocol, as `docs/protocol.md` has it: a machine without sockets. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from streamer import wire
from streamer.dialects.dialect import Platform, Upgrade
from streamer.dialects.events import Incoming
from streamer.dialects.guard import Guarded
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, ProtocolError
from streamer.types import (
    AudioFrame,
    CallStarted,
    CallStopped,
    Encoding,
    Outgoing,
    SignIn,
)


class State(IntEnum):
    """Where the conversation stands."""

    AWAITING_START = 0
    STREAMING = 1
    STOPPED = 2
    FAILED = 3


class _Start(BaseModel):
    """The `start` message; what a platform adds to it is let pass."""

    model_config = ConfigDict(strict=True)

    call_id: Annotated[str, Field(min_length=1, max_length=128)]
    encoding: Literal["mulaw", "alaw", "pcm_s16le"]
    sample_rate: Annotated[int, Field(ge=8000, le=48_000)]
    channels: Annotated[list[Literal["agent", "customer"]], Field(min_length=1, max_length=2)] = ["agent"]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    transcripts: bool = False
    metadata: dict[str, Any] = {}
    token: Annotated[str, Field(min_length=1, max_length=256)] | None = None

    @field_validator("call_id")
    @classmethod
    def _printable(cls, call_id: str) -> str:
        if not call_id.isprintable():
            raise ValueError("must be printable characters")
        return call_id

    @field_validator("metadata")
    @classmethod
    def _writable(cls, metadata: dict[str, Any]) -> dict[str, Any]:
        # An escaped lone surrogate and 1e999 can be read from JSON, but never written out again.
        try:
            json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise ValueError("must be what JSON in UTF-8 can hold") from None
        return metadata

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

    A peer's mistake raises nothing: it comes out as `Failed`, once, and every input after that is ignored.

    Args:
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__(
            State.AWAITING_START, failed=State.FAILED, deaf={State.FAILED}, max_message_bytes=max_message_bytes
        )
        self._start: CallStarted | None = None
        self._position = 0
        self._seq = 0

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
        return self._message("error", {"code": error.code, "message": error.message, "field": error.field})

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
        self._start = CallStarted(
            start.call_id,
            Encoding(start.encoding),
            start.sample_rate,
            tuple(start.channels),
            start.language,
            start.transcripts,
            start.metadata,
        )
        self.state = State.STREAMING
        return [self._start] if start.token is None else [SignIn(start.token), self._start]

    def _end(self) -> list[Incoming]:
        if self.state is not State.STREAMING:
            raise OutOfOrder(f"stop while the call is {self.state.name.lower()}", "type")
        self.state = State.STOPPED
        return [CallStopped("stop")]

    def _binary(self, message: bytes) -> list[Incoming]:
        if self.state is not State.STREAMING or self._start is None:
            raise OutOfOrder(f"audio while the call is {self.state.name.lower()}")
        width, channels = self._start.encoding.width, self._start.channels
        unit = width * len(channels)
        if len(message) % unit:
            raise OddBytes(len(message), unit)
        if not message:
            return []
        samples = np.frombuffer(message, dtype=np.uint8).reshape(-1, len(channels), width)
        position = self._position
        self._position += len(samples)
        return [AudioFrame(name, position, samples[:, i].tobytes()) for i, name in enumerate(channels)]

    def _message(self, kind: str, fields: Mapping[str, Any]) -> str:
        self._seq += 1
        call_id = self._start.call_id if self._start else None
        return json.dumps({"type": kind, "call_id": call_id, "seq": self._seq, **fields}, ensure_ascii=False)


def _dialect(upgrade: Upgrade, section: object, max_message_bytes: int) -> NativeDialect:
    return NativeDialect(max_message_bytes)


PLATFORM = Platform("native", "/v1/calls", _dialect)


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
