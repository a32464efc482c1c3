"""Media streams as Twilio made them, and SignalWire, Telnyx and Plivo took them up: one machine for all. Pure.

A socket brings one call: JSON texts, each with an `event`. `start` tells the format; each `media` has a chunk of one
track in base64, and the chunks of a track are numbered. What differs is how things are called: see `Words`.

- https://www.twilio.com/docs/voice/media-streams/websocket-messages
- https://developer.signalwire.com/compatibility-api/cxml/voice/stream
- https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
- https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field, field_validator

from streamer.dialects.dialect import LEGS, Leg, Section, Upgrade
from streamer.dialects.events import Incoming, Skipped
from streamer.dialects.guard import Guarded
from streamer.dialects.media_chunks import WINDOW, Chunks, Counting
from streamer.dialects.media_fields import TRACKS, Parameters, Track, counted, number, optional, parsed, section, text
from streamer.errors import BadField, BadJson, OddBytes, OutOfOrder, ProtocolError
from streamer.types import AudioFrame, CallStarted, CallStopped, Encoding, Gap, Outgoing, Remark, SignIn

ENCODINGS: Mapping[str, Encoding] = {
    "audio/x-mulaw": Encoding.MULAW,
    "pcmu": Encoding.MULAW,
    "audio/x-alaw": Encoding.ALAW,
    "pcma": Encoding.ALAW,
    "audio/x-l16": Encoding.PCM_S16LE,
    "audio/l16": Encoding.PCM_S16LE,
    "l16": Encoding.PCM_S16LE,
}
"""By what the platforms call them, in small letters."""


class MediaStreamsSettings(Section):
    """What is set for any platform of the family.

    Attributes:
      tracks: whose voice each track is: `inbound` is what the platform hears from the party on the call that is
        streamed, `outbound` what that party is played. A track that is left out is not listened to. A stream may say
        otherwise with the parameter `leg`, whose call it is of.
      l16: byte order of linear samples: RFC 2586 would have the big end first, but these platforms send the little one.
      public_url: what the platform was told to dial, for its signature where a proxy stands before the service;
        else made from the Host header of the request.
      timeout: seconds that the control port has for an answer.
    """

    tracks: Annotated[Mapping[Track, Leg], Field(min_length=1)] = {"inbound": "customer", "outbound": "agent"}
    l16: Literal["little", "big"] = "little"
    public_url: str | None = None
    timeout: Annotated[float, Field(gt=0)] = 5.0

    @field_validator("tracks")
    @classmethod
    def _distinct(cls, tracks: Mapping[Track, Leg]) -> Mapping[Track, Leg]:
        if len(set(tracks.values())) < len(tracks):
            raise ValueError("must give each track a leg of its own")
        return tracks


@dataclass(frozen=True, slots=True)
class Words:
    """What a platform calls things.

    Attributes:
      platform: its name.
      stream: the stream's id, beside `event`, and in `start`.
      call: the call's id in `start`; of several, the first that is there.
      names: ids in `start` that the control port wants, by what it calls them; `call` is that of the streamed leg.
      format, rate: the audio's format in `start`, and the sample rate in that.
      parameters: gives the parameters that the stream was set up with, from the whole message.
      facts: what else of `start` goes into the metadata.
      codecs: what to set where the encoding is none that can be taken.
      sign_in: a token of ours in the `connected` message.
    """

    platform: str
    stream: str
    call: tuple[str, ...]
    names: Mapping[str, str]
    format: str
    rate: str
    parameters: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    codecs: str
    facts: tuple[str, ...] = ()
    sign_in: str | None = None


class State(IntEnum):
    """Where the conversation stands."""

    AWAITING_START = 0
    STREAMING = 1
    STOPPED = 2
    FAILED = 3


class MediaStreamsDialect(Guarded[State]):
    """The service's side of one socket.

    ```
    AWAITING_START --start--> STREAMING --stop, or connection lost--> STOPPED
          |                       |
          +------- mistake -------+--> FAILED
    ```

    A stream that only listens may not be answered (Twilio's error 31924): nothing is ever sent. Mistakes are answered
    as `Guarded` has it. An event of a name that isn't known is let pass, since platforms add to them. Telnyx doesn't
    promise order: some media messages may come before the start, and nothing that comes after the stop is a mistake.

    Args:
      words: the platform's.
      upgrade: parameters of the stream, but for a token, may stand in its query, too.
      settings: the platform's section.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, words: Words, upgrade: Upgrade, settings: MediaStreamsSettings, max_message_bytes: int) -> None:
        super().__init__(
            State.AWAITING_START,
            failed=State.FAILED,
            deaf={State.STOPPED, State.FAILED},
            under_way={State.STREAMING},
            max_message_bytes=max_message_bytes,
        )
        self._words = words
        self._query = upgrade.query
        self._own_id = upgrade.id
        self._settings = settings
        self._token: str | None = None
        self._stream: str | None = None
        self._encoding = Encoding.MULAW
        self._counting = Counting()
        self._chunks: dict[str, Chunks] = {}
        self._only_track = ""
        self._early: list[Mapping[str, Any]] = []

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way; Plivo says by nothing else that a stream has ended."""
        return self._stop("connection lost")

    def send(self, event: Outgoing) -> str | None:
        """Put nothing into words."""
        return None

    def send_error(self, error: ProtocolError) -> str | None:
        """Put nothing into words."""
        return None

    def _text(self, message: str) -> list[Incoming]:
        return self._take(parsed(message))

    def _binary(self, message: bytes) -> list[Incoming]:
        raise BadJson("every message must be a JSON object in a text; this one is binary")

    def _take(self, message: Mapping[str, Any]) -> list[Incoming]:
        match text(message, "event", "event"):
            case "connected":
                self._greet(message)
            case "start":
                return self._begin(message)
            case "media" if self.state is State.AWAITING_START:
                if len(self._early) == WINDOW:
                    raise OutOfOrder("media without a start before it", "event")
                self._early.append(message)
            case "media":
                return [*self._audio(message)]
            case "stop":
                return self._stop("stop")
        return []

    def _greet(self, message: Mapping[str, Any]) -> None:
        greeting = message.get("connected")
        if self._words.sign_in and isinstance(greeting, dict):
            token = greeting.get(self._words.sign_in)
            self._token = token if isinstance(token, str) and token else None

    def _begin(self, message: Mapping[str, Any]) -> list[Incoming]:
        if self.state is not State.AWAITING_START:
            raise OutOfOrder("a stream has begun on this socket already", "event")
        words = self._words
        start = section(message, "start", "start")
        told = Parameters(self._query, words.parameters(message))
        rate = self._format(start)
        legs = self._listen(start, told, rate)
        given = (optional(start, key, f"start.{key}") for key in words.call)
        call_id = next((call_id for call_id in given if call_id is not None), None)
        self._stream = start.get(words.stream) or message.get(words.stream)
        known = {name: optional(start, key, f"start.{key}", 256) for name, key in words.names.items()}
        # The call that is streamed is the one of the party whose voice comes in.
        own = legs["inbound"] if "inbound" in legs else LEGS[1 - LEGS.index(legs["outbound"])]
        known[own] = known.get("call") or call_id
        names = {name: named for name, named in known.items() if named is not None}
        named = told.call or call_id
        unnamed = Remark(
            "call_id",
            f"the start has no {' or '.join(words.call)}; the call is known as {self._own_id}, and what is not named "
            "in its parameters can't be blocked",
        )
        call = CallStarted(
            named or self._own_id,
            self._encoding,
            rate,
            tuple(chunks.channel for chunks in self._chunks.values()),
            told.language,
            metadata={**{name: start[name] for name in words.facts if start.get(name)}, **told.metadata},
            platform=words.platform,
            names={**names, **told.names},
            joins=named is not None,
            remarks=() if named else (unnamed,),
        )
        self.state = State.STREAMING
        token = told.token or self._token
        events: list[Incoming] = [call] if token is None else [SignIn(token), call]
        for early in self._early:
            try:
                events += self._audio(early)
            except ProtocolError as error:
                events.append(Skipped(error))
        self._early.clear()
        return events

    def _format(self, start: Mapping[str, Any]) -> int:
        """Take note of the encoding; give the sample rate."""
        words = self._words
        path = f"start.{words.format}"
        audio = section(start, words.format, path)
        encoding = ENCODINGS.get(text(audio, "encoding", f"{path}.encoding").lower())
        if encoding is None:
            raise BadField(f"{path}.encoding", f"can't be taken; {words.codecs}")
        rate = number(audio, words.rate, f"{path}.{words.rate}")
        if rate is None or not 8000 <= rate <= 48_000:
            raise BadField(f"{path}.{words.rate}", "must be from 8000 to 48000")
        self._encoding = encoding
        return rate

    def _listen(self, start: Mapping[str, Any], told: Parameters, rate: int) -> Mapping[Track, Leg]:
        """Make ready for the tracks that come and are wanted; give whose voice each is."""
        legs = told.tracks or self._settings.tracks
        brought = start.get("tracks", told.brought)
        if not isinstance(brought, list) or not all(isinstance(track, str) for track in brought):
            raise BadField("start.tracks", "must be a list of names")
        names = {track.removesuffix("_track") for track in brought}
        self._only_track = next(iter(names)) if len(names) == 1 else ""
        self._chunks = {
            track: Chunks(track, legs[track], self._encoding.width, self._counting, rate=rate)
            for track in TRACKS
            if track in names and track in legs
        }
        if not self._chunks:
            raise BadField("start.tracks", f"must hold {' or '.join(legs)}, as the settings have it")
        return legs

    def _audio(self, message: Mapping[str, Any]) -> list[AudioFrame | Gap]:
        stream = message.get(self._words.stream)
        if stream is not None and self._stream is not None and stream != self._stream:
            raise BadField(self._words.stream, "must be the one of the start")
        media = section(message, "media", "media")
        track = (optional(media, "track", "media.track") or self._only_track).removesuffix("_track")
        if track not in TRACKS:
            raise BadField("media.track", f"must be {' or '.join(TRACKS)}")
        chunk, timestamp = counted(media, "chunk"), counted(media, "timestamp")
        try:
            payload = base64.b64decode(media["payload"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise BadField("media.payload", "must be base64") from None
        if len(payload) % self._encoding.width:
            raise OddBytes(len(payload), self._encoding.width)
        if chunk is not None:
            self._counting.note(track, chunk)
        if self._encoding is Encoding.PCM_S16LE and self._settings.l16 == "big":
            payload = np.frombuffer(payload, dtype=">i2").astype("<i2").tobytes()
        given: list[AudioFrame | Gap] = []
        for name, chunks in self._chunks.items():
            given += chunks.put(chunk, payload, timestamp) if name == track else chunks.due_now()
        return given

    def _stop(self, reason: str) -> list[Incoming]:
        if self.state is not State.STREAMING:
            self.state = State.FAILED if self.state is State.FAILED else State.STOPPED
            return []
        self.state = State.STOPPED
        rest = [event for chunks in self._chunks.values() for event in chunks.flush()]
        return [*rest, CallStopped(reason)]


def in_start(key: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Find parameters in `start`, if they are there: an object, or what Telnyx takes, a list of names with values."""

    def find(message: Mapping[str, Any]) -> Mapping[str, Any]:
        given = message["start"].get(key)
        if given is None:
            return {}
        if isinstance(given, list):
            path = f"start.{key}.name"
            return {text(one, "name", path): one.get("value") for one in given if isinstance(one, dict)}
        return section(message["start"], key, f"start.{key}")

    return find


_PORTS = {"wss": ":443", "ws": ":80", "https": ":443", "http": ":80"}


def _with_and_without_port(host: str, scheme: str) -> list[str]:
    """Give a host as it is, without its scheme's own port, and with it: platforms sign either, and so do proxies."""
    port = _PORTS.get(scheme, "")
    # What a proxy says of the port may be by its own scheme.
    bare = re.sub(":(443|80)$", "", host)
    named = re.search(r":[0-9]+$", bare)
    return list(dict.fromkeys([host, bare, *([] if named else [f"{bare}{port}"])]))


def dialled(upgrade: Upgrade, public_url: str | None) -> list[str]:
    """Give what the platform may have called the address that it dialled, and signed.

    Which of them it was can't be seen from here: what stands before the service ends TLS and drops ports and slashes,
    and the scheme is WebSocket's for some and HTTP's for others. Whoever signed one of them has the secret.
    """
    path, mark, query = upgrade.target.partition("?")
    if public_url is not None:
        told = urlsplit(public_url.partition("?")[0])
        host, path = told.netloc, told.path
        schemes = [told.scheme, f"http{told.scheme.removeprefix('ws')}"]
    else:
        host, schemes = upgrade.headers.get("host", ""), [*_PORTS]
    bases = [f"{scheme}://{named}{path}" for scheme in schemes for named in _with_and_without_port(host, scheme)]
    ends = [end for base in bases for end in (base, base.rstrip("/"), f"{base.rstrip('/')}/")]
    return [f"{end}{mark}{query}" for end in dict.fromkeys(ends)]
