"""Fields of a media stream's messages, and the parameters that a stream is set up with. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from streamer.dialects.dialect import LEGS, Leg
from streamer.errors import BadField, BadJson

Track = Literal["inbound", "outbound"]
TRACKS: tuple[Track, ...] = ("inbound", "outbound")

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CALL_OF_A_LEG = re.compile(r"(agent|customer)call(sid|id|uuid|controlid)?")
_NUMBER = re.compile(r"[0-9]{1,15}")


class Parameters:
    """What the parameters say. Their names may be written `agent_call_sid`, `agentCallSid` or `Agent-Call-Sid`.

    Args:
      query: of the address that was dialled; a token in it is left alone, since addresses are logged.
      given: to the stream itself; they go before the query's.

    Attributes:
      token: `token`: one of ours.
      language: `language`.
      call: `call`: what the call is to be known by, where each leg is a call of its own on the platform.
      tracks: `leg`: whose call it is that is streamed, and so whose voice each track is; None where it isn't said.
      brought: `track`: of a stream whose start doesn't tell; `inbound`, `outbound` or `both`.
      names: `agent_call_sid`, `customer_call_sid` and `conference`: for the control port.
      metadata: all others.
    """

    def __init__(self, query: Mapping[str, str], given: Mapping[str, Any]) -> None:
        self.token: str | None = None
        self.language: str | None = None
        self.call: str | None = None
        self.tracks: Mapping[Track, Leg] | None = None
        self.brought: list[str] = list(TRACKS)
        self.names: dict[str, str] = {}
        self.metadata: dict[str, Any] = {}
        for name, value in query.items():
            if name.lower() != "token":
                self._take(name, value)
        for name, value in given.items():
            self._take(name, value)

    def _take(self, name: str, value: Any) -> None:
        plain = name.replace("_", "").replace("-", "").lower()
        leg = _CALL_OF_A_LEG.fullmatch(plain)
        if leg or plain == "conference":
            self.names[leg[1] if leg else plain] = _said(name, value, 256)
            return
        match plain:
            case "token":
                self.token = _said(name, value, 256)
            case "language":
                self.language = _said(name, value)
                if not _LANGUAGE.fullmatch(self.language):
                    raise BadField(f"parameter {name}", "must be the tag of a language, as zh or en-GB")
            case "call" | "callid":
                self.call = _said(name, value)
            case "leg":
                inbound, outbound = LEGS if _said(name, value) == LEGS[0] else LEGS[::-1]
                if value != inbound:
                    raise BadField(f"parameter {name}", f"must be {' or '.join(LEGS)}")
                self.tracks = {"inbound": inbound, "outbound": outbound}
            case "track":
                track = _said(name, value).removesuffix("_tracks").removesuffix("_track")
                if track not in {*TRACKS, "both"}:
                    raise BadField(f"parameter {name}", "must be inbound, outbound or both")
                self.brought = list(TRACKS) if track == "both" else [track]
            case "agent":
                self.metadata["agent"] = value
            case _:
                self.metadata[name] = value


def parsed(message: str) -> Mapping[str, Any]:
    """Read a message.

    Raises:
      BadJson: it is no JSON object.
    """
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        raise BadJson("every message must be a JSON object") from None
    if not isinstance(fields, dict):
        raise BadJson("every message must be a JSON object")
    # SignalWire's documentation shows each message within an envelope of this name; its sockets are without.
    inner = fields.get("rawEvent")
    return inner if isinstance(inner, dict) else fields


def section(fields: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """Read an object within another; `path` is what it is called when it is wrong.

    Raises:
      BadField: it is none.
    """
    value = fields.get(name)
    if not isinstance(value, dict):
        raise BadField(path, "must be an object")
    return value


def text(fields: Mapping[str, Any], name: str, path: str, longest: int | None = 128) -> str:
    """Read a text that people can read, of so many characters; None lets it be any.

    Raises:
      BadField: it is none.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadField(path, "must be a text")
    if longest is not None and not (0 < len(value) <= longest and value.isprintable()):
        raise BadField(path, f"must be 1 to {longest} printable characters")
    return value


def number(fields: Mapping[str, Any], name: str, path: str) -> int | None:
    """Read a number, written as one or as a text, as the platforms do; None where it is left out.

    Raises:
      BadField: it is neither whole nor below 10^15.
    """
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise BadField(path, "must be a whole number")


def writable(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make sure that JSON can hold what is handed on.

    Raises:
      BadField: it can't: an escaped lone surrogate and 1e999 can be read from JSON, but never written out again.
    """
    try:
        json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise BadField("start", "holds what JSON in UTF-8 can't hold") from None
    return metadata


def _said(name: str, value: Any, longest: int = 128) -> str:
    return text({name: value}, name, f"parameter {name}", longest)
