"""The shapes of AudioHook's messages, as far as a server that listens needs them. Pure.

As of https://developer.genesys.cloud/devapps/audiohook/protocol-reference; names of fields are the protocol's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from streamer.dialects.media_fields import as_text
from streamer.errors import BadField, BadJson

Uuid = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Duration = Annotated[str, Field(pattern=r"^PT([0-9]{1,7}(\.[0-9]{0,20})?|\.[0-9]{1,20})S$")]
Number = Annotated[int, Field(ge=0, lt=2**53)]
Text = Annotated[Annotated[str, Field(max_length=256)] | None, BeforeValidator(as_text)]
S = TypeVar("S", bound=BaseModel)


class Shape(BaseModel):
    """A part of a message; what else is in it is let pass."""

    model_config = ConfigDict(strict=True)


class Message(Shape):
    """What every message of the client has."""

    version: Literal["2"]
    id: Uuid
    type: str
    seq: Number
    serverseq: Number
    position: Duration
    parameters: dict[str, Any]


class Participant(Shape):
    """Who isn't a user of the organisation."""

    id: Uuid
    ani: Text = None
    aniName: Text = None  # noqa: N815
    dnis: Text = None


class Open(Shape):
    """Parameters of `open`."""

    organizationId: Uuid  # noqa: N815
    conversationId: Uuid  # noqa: N815
    participant: Participant
    media: list[Any]
    language: Text = None
    supportedLanguages: bool = False  # noqa: N815
    customConfig: dict[str, Any] | None = None  # noqa: N815
    inputVariables: dict[str, Any] | None = None  # noqa: N815


class Custom(Shape):
    """What is of use to us in the integration's own parameters."""

    token: Text = None
    language: Text = None


class Discarded(Shape):
    """Parameters of `discarded`: what will never come."""

    start: Duration
    discarded: Duration


def seconds(duration: str) -> float:
    """Read a duration."""
    return float(duration[2:-1])


def parse(text: str) -> dict[str, Any]:
    """Read a text message.

    Raises:
      BadJson: it is no JSON object.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadJson("a text message must be a JSON object") from None
    if not isinstance(message, dict):
        raise BadJson("a text message must be a JSON object")
    return message


def shaped(shape: type[S], fields: Mapping[str, Any], within: str = "") -> S:
    """Give an object its shape.

    Args:
      within: what its fields are to be called after.

    Raises:
      BadField: a field is missing or wrong. Never says what it was.
    """
    try:
        return shape.model_validate(fields)
    except ValidationError as invalid:
        first = invalid.errors(include_input=False)[0]
        raise BadField(within + ".".join(str(part) for part in first["loc"]), first["msg"]) from None
