"""Fields of a media stream's messages, and the parameters that a stream is set up with. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from streamer.dialects.dialect import LEGS, Leg
from streamer.errors import BadField, BadJson

Track = Literal["inbound", "outbound"]
TRACKS: tuple[Track, ...] = ("inbound", "outbound")

_UNSET = re.compile(r"\s*(\{\{?[^{}]*\}\}?|\$\{[^{}]*\}|null|undefined|None|nil)?\s*")
_CALL_OF_A_LEG = re.compile(r"(agent|customer)call(sid|id|uuid|controlid)?")
_NUMBER = re.compile(r"[0-9]{1,15}")
_KNOWN = frozenset({"token", "language", "call", "callid", "leg", "track"})


class Parameters:
    """What the parameters say. Their names may be written `agent_call_sid`, `agentCallSid` or `Agent-Call-Sid`.

    Args:
      query: of the address that was dialled; a token in it is left alone, since addresses are logged.
      given: to the stream itself; they go before the query's.

    Attributes:
      token: `token`: one of ours.
      language: `language`, as it is said; see `streamer.languages`.
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
            if (known := _said(name, value, 256)) is not None:
                self.names[leg[1] if leg else plain] = known
            return
        if plain not in _KNOWN:
            # Whoever the agent is, they are listened to, whatever they are called.
            agent = plain == "agent"
            if not agent or as_text(value) is not None:
                self.metadata["agent" if agent else name] = as_text(value) if agent else value
            return
        told = _said(name, value, 256 if plain == "token" else 128)
        if told is None:
            return
        match plain:
            case "token":
                self.token = told
            case "language":
                self.language = told
            case "leg":
                inbound, outbound = LEGS if told.lower() == LEGS[0] else LEGS[::-1]
                if told.lower() != inbound:
                    raise BadField(f"parameter {name}", f"must be {' or '.join(LEGS)}")
                self.tracks = {"inbound": inbound, "outbound": outbound}
            case "track":
                track = told.lower().removesuffix("_tracks").removesuffix("_track")
                if track not in {*TRACKS, "both"}:
                    raise BadField(f"parameter {name}", "must be inbound, outbound or both")
                self.brought = list(TRACKS) if track == "both" else [track]
            case _:
                self.call = told


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


def said(value: Any) -> str | None:
    """Give what a platform says in a field as text; None where it says nothing.

    What is empty or blank says nothing, nor does a variable that was not filled in (`{{agent}}`, `${agent}`, `null`);
    a number is its text. This holds wherever a platform, or whoever set it up, may leave something out.

    Raises:
      TypeError: it is neither a text nor a number.
    """
    match value:
        case None:
            return None
        case str():
            return None if _UNSET.fullmatch(value) else value
        case bool():
            raise TypeError
        case int():
            return str(value)
        case float():
            # Not a number is none; 4711.0 is what some write for 4711.
            return None if not math.isfinite(value) else f"{value:.0f}" if value.is_integer() else str(value)
    raise TypeError


def as_text(value: Any) -> Any:
    """Give what `said` does, for a model to look at; what is neither text nor number is left for it to refuse."""
    try:
        return said(value)
    except TypeError:
        return value


def agent_of(metadata: Mapping[str, Any]) -> str | None:
    """Give who the agent is, if the platform says so: in a line, and no longer than a name is."""
    try:
        agent = said(metadata.get("agent"))
    except TypeError:
        return None
    return "".join(filter(str.isprintable, agent or ""))[:128] or None


def optional(fields: Mapping[str, Any], name: str, path: str, longest: int = 128) -> str | None:
    """Read a text that people can read, of so many characters; None where the platform says nothing.

    Raises:
      BadField: it is none; `path` is what it is called.
    """
    try:
        value = said(fields.get(name))
    except TypeError:
        raise BadField(path, "must be a text") from None
    if value is not None and not (len(value) <= longest and value.isprintable()):
        raise BadField(path, f"must be 1 to {longest} printable characters")
    return value


def text(fields: Mapping[str, Any], name: str, path: str, longest: int = 128) -> str:
    """Read a text as `optional` does, that has to be there.

    Raises:
      BadField: it is none, or says nothing.
    """
    value = optional(fields, name, path, longest)
    if value is None:
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


def counted(fields: Mapping[str, Any], name: str) -> int | None:
    """Read a number as `number` does; None also where it is none, as it is not worth the audio that it stands with."""
    try:
        return number(fields, name, name)
    except BadField:
        return None


def _said(name: str, value: Any, longest: int = 128) -> str | None:
    return optional({name: value}, name, f"parameter {name}", longest)
