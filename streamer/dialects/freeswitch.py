"""FreeSWITCH, by its modules mod_audio_fork and mod_audio_stream: L16 of one channel over a socket. Pure.

The wire has a text at most, the metadata that the fork was started with, and binary audio: samples of 16 bits, the
low byte first, one channel or two interleaved. It says neither whose call it is nor the rate nor the channels; that
comes in the URL's query, in the metadata, or in the settings. Nothing is numbered, so that nobody can see what a module
drops.

- https://github.com/drachtio/drachtio-freeswitch-modules/blob/main/modules/mod_audio_fork/README.md
- https://github.com/amigniter/mod_audio_stream/blob/main/README.md
- https://github.com/signalwire/freeswitch/blob/master/src/switch_core_media_bug.c for which side is left
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, SecretStr, field_validator, model_validator

from streamer import wire
from streamer.dialects.dialect import LEGS, Leg, Platform, Section, Upgrade
from streamer.dialects.events import Closed, Incoming
from streamer.dialects.guard import Guarded
from streamer.dialects.interleaved import Interleaved
from streamer.dialects.media_fields import agent_of
from streamer.dialects.media_fields import said as spoken
from streamer.errors import BadField, ProtocolError
from streamer.types import CallStarted, CallStopped, Encoding, Gap, Outgoing, Remark, SignIn

Mix = Literal["mono", "mixed", "stereo"]
Rate = Literal[8000, 16000, 24000, 32000, 48000]
MIXES: tuple[Mix, ...] = ("mono", "mixed", "stereo")
RATES: Mapping[str, Rate] = {
    "8k": 8000,
    "8000": 8000,
    "16k": 16000,
    "16000": 16000,
    "24000": 24000,
    "32000": 32000,
    "48000": 48000,
}
"""As the modules write them: they take `8k`, `16k` and multiples of 8000."""

EARLY = 0.2
"""Seconds of audio that metadata are waited for, where the query says enough without them."""
HELD = 64_000
"""Bytes that they are waited for where it doesn't: 2 s of 16 kHz, one channel."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
"""A channel's uuid. One set by `origination_uuid` need not be a UUID, but it must not end a command line either."""
_PARAMETERS = frozenset({"uuid", "call", "rate", "mix", "read", "language", "agent"})
_KEPT_OUT = frozenset({"token", "password", "passwd", "secret", "authorization", "dtmf", "digit", "digits", "pin"})
"""What is never handed on, whoever put it there."""
_WORD = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class FreeSwitchSettings(Section):
    """What is set for FreeSWITCH.

    Attributes:
      read: who is on the channel that the fork is on: its phone is what a fork reads, the only side of `mono` and the
        left one of `stereo`; what the phone is sent is the right one. A fork's `read` parameter goes before.
      rate, mix: of forks that say neither in their query nor in their metadata.
      username, password: that the modules sign in with, by HTTP Basic (`MOD_AUDIO_FORK_HTTP_AUTH_USER` and
        `..._PASSWORD`); both or none.
      esl_host, esl_port: of the event socket, the control port.
      esl_user: `USER@DOMAIN` of the directory for `userauth`; without it, `auth` with the socket's own password.
      esl_password: of the event socket. Without it there is no control port.
      timeout: seconds that the control port has for an answer.
      dialplan, context: where a call is transferred to.
      cause: that a call is hung up with.
    """

    read: Leg = "agent"
    rate: Rate | None = None
    mix: Mix | None = None
    username: Annotated[str, Field(min_length=1, pattern=r"^[^:\x00-\x1f]+$")] | None = None
    password: SecretStr | None = None
    esl_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    esl_port: Annotated[int, Field(ge=1, le=65535)] = 8021
    esl_user: Annotated[str, Field(pattern=r"^[^\s:@]+@[^\s:@]+$")] | None = None
    esl_password: SecretStr | None = None
    timeout: Annotated[float, Field(gt=0)] = 5.0
    dialplan: Annotated[str, Field(pattern=_WORD)] = "XML"
    context: Annotated[str, Field(pattern=_WORD)] = "default"
    cause: Annotated[str, Field(pattern=_WORD)] = "NORMAL_CLEARING"

    @field_validator("esl_password")
    @classmethod
    def _one_line(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None and not (password.get_secret_value() and password.get_secret_value().isprintable()):
            raise ValueError("must be printable characters, one at least")
        return password

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password are set together or not at all")
        return self


class State(IntEnum):
    """Where the conversation stands."""

    AWAITING_METADATA = 0
    STREAMING = 1
    STOPPED = 2
    FAILED = 3


class FreeSwitchDialect(Guarded[State]):
    """The service's side of one fork's socket.

    ```
    AWAITING_METADATA --text, or enough audio--> STREAMING --event stop, empty audio, or connection lost--> STOPPED
            |                                        |
            +---------------- mistake ---------------+--> FAILED
    ```

    The first text begins the call: it has the metadata. mod_audio_stream may send some audio before it
    (https://github.com/amigniter/mod_audio_stream/issues/121), which is kept for so long. A fork without metadata
    begins once they were waited for, and then the query must say enough. Later texts are what somebody had sent along
    the way (`send_text`), and are let pass; one that is a JSON object with `"event": "stop"` ends the call. So does an
    empty binary message: mod_audio_fork's `graceful-shutdown`, after which it sends no audio.

    Mistakes are answered as `Guarded` has it.

    Args:
      upgrade: the request for the socket; its query has parameters.
      settings: of the platform.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, upgrade: Upgrade, settings: FreeSwitchSettings, max_message_bytes: int) -> None:
        super().__init__(
            State.AWAITING_METADATA,
            failed=State.FAILED,
            deaf={State.STOPPED, State.FAILED},
            under_way={State.STREAMING},
            max_message_bytes=max_message_bytes,
        )
        self._query = upgrade.query
        self._settings = settings
        self._own_id = upgrade.id
        self._samples = Interleaved((), 2)
        self._held = bytearray()

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way: that is how a fork ends when its channel does."""
        if self.state is not State.STREAMING:
            return []
        return self._stop("connection lost")

    def send(self, event: Outgoing) -> str | None:
        """Give None: the modules carry nothing out by themselves, they make events of what they are sent."""
        return None

    def send_error(self, error: ProtocolError) -> str:
        """Put a peer's mistake into mod_audio_fork's `error`, which comes out as an event at the switch."""
        return json.dumps({"type": "error", "data": wire.mistake(error)}, ensure_ascii=False)

    def _text(self, message: str) -> list[Incoming]:
        said = metadata_of(message)
        stop = said.get("event") == "stop"
        if self.state is State.AWAITING_METADATA:
            over = stop and bool(self._held)
            return [*self._begin(said), *(self._stop("stop") if over else [])]
        return self._stop("stop") if stop else []

    def _binary(self, message: bytes) -> list[Incoming]:
        if not message:
            if self.state is State.STREAMING:
                return self._stop("stop")
            self.state = State.STOPPED
            return [Closed()]
        if self.state is State.AWAITING_METADATA:
            self._held += message
            return self._begin({}) if len(self._held) > self._patience() else []
        return [*self._samples.take(message)]

    def _lost(self, message: str | bytes) -> list[Gap]:
        return self._samples.passed_over(message)

    def _patience(self) -> int:
        """Tell after how many bytes no metadata are waited for."""
        told = _Parameters(self._query, {})
        rate = told.same("rate", _rate) or self._settings.rate
        mix = told.same("mix", _mix) or self._settings.mix
        if told.same("uuid", _name) is None or rate is None or mix is None:
            return HELD
        return round(2 * len(_channels(mix, self._settings.read)) * rate * EARLY)

    def _begin(self, said: Mapping[str, Any]) -> list[Incoming]:
        parameters = _Parameters(self._query, said)
        uuid = parameters.same("uuid", _name)
        call = parameters.same("call", _name) or uuid
        rate = parameters.same("rate", _rate) or self._settings.rate
        if rate is None:
            raise BadField("rate", "must be in the URL's query, in the metadata, or set: rate=8000")
        mix = parameters.same("mix", _mix) or self._settings.mix
        if mix is None:
            raise BadField("mix", "must be in the URL's query, in the metadata, or set: mix=stereo")
        read = parameters.same("read", _leg) or self._settings.read
        language = parameters.last("language", _text)
        metadata = parameters.rest()
        agent = agent_of(said) or agent_of(self._query)
        if agent is not None:
            metadata["agent"] = agent
        token = parameters.last("token", _text)
        self._samples = Interleaved(_channels(mix, read), 2)
        early = self._samples.take(bytes(self._held))
        self._held.clear()
        self.state = State.STREAMING
        unnamed = Remark(
            "call_id",
            "neither the URL's query nor the metadata have a uuid (uuid=${uuid}); the call is known as "
            f"{call or self._own_id}, and can't be blocked",
        )
        started = CallStarted(
            call or self._own_id,
            Encoding.PCM_S16LE,
            rate,
            self._samples.channels,
            language,
            metadata=metadata,
            platform="freeswitch",
            names={} if uuid is None else {read: uuid},
            joins=call is not None,
            remarks=(unnamed,) if uuid is None else (),
        )
        return [*([] if token is None else [SignIn(token)]), started, *early]

    def _stop(self, reason: str) -> list[Incoming]:
        self.state = State.STOPPED
        return [CallStopped(reason)]


T = TypeVar("T")


class _Parameters:
    """What the query and the metadata say, together."""

    def __init__(self, query: Mapping[str, str], said: Mapping[str, Any]) -> None:
        self._query, self._said = query, said

    def same(self, field: str, read: Callable[[str, str], T]) -> T | None:
        """Give what both must agree on: where they don't, the audio would be taken for what it is not."""
        told = [_told(field, source) for source in (self._query, self._said)]
        given = [read(field, value) for value in told if value is not None]
        if len(given) == 2 and given[0] != given[1]:
            raise BadField(field, "is not the same in the URL's query and in the metadata")
        return given[0] if given else None

    def last(self, field: str, read: Callable[[str, str], T]) -> T | None:
        """Give what the metadata say, or else the query."""
        value = _told(field, self._said) or _told(field, self._query)
        return None if value is None else read(field, value)

    def rest(self) -> dict[str, Any]:
        """Give what is handed on, never interpreted."""
        kept = {**self._query, **self._said}
        return {name: kept[name] for name in kept if name not in _PARAMETERS and name.lower() not in _KEPT_OUT}


def metadata_of(message: str) -> dict[str, Any]:
    """Read the JSON object that a text begins with; what is none says nothing, as metadata may be any text.

    mod_audio_fork appends a text to one that has not left yet, so that two may come as one.
    """
    try:
        said, _ = json.JSONDecoder().raw_decode(message.strip())
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def admit(upgrade: Upgrade, settings: FreeSwitchSettings, now: float) -> str | None:
    """Check the credentials that a module signs in with, by HTTP Basic (RFC 7617), where they are set."""
    if settings.username is None or settings.password is None:
        return None
    scheme, _, code = upgrade.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "the fork must sign in by HTTP Basic: MOD_AUDIO_FORK_HTTP_AUTH_USER and ..._PASSWORD"
    try:
        given = base64.b64decode(code.strip(), validate=True)
    except (binascii.Error, ValueError):
        return "what the fork signs in with is no base64"
    expected = f"{settings.username}:{settings.password.get_secret_value()}".encode()
    return None if hmac.compare_digest(given, expected) else "the fork's user name or password is wrong"


def signs(settings: FreeSwitchSettings) -> bool:
    """Whether forks must sign in."""
    return settings.username is not None


def _channels(mix: Mix, read: Leg) -> tuple[str, ...]:
    match mix:
        case "mono":
            return (read,)
        case "stereo":
            return (read, other(read))
        case "mixed":
            # Nobody can tell who says what: everything is held against the agent, rather than nothing.
            return ("agent",)


def other(leg: str) -> Leg:
    """Give the leg on the other end."""
    return "customer" if leg == "agent" else "agent"


def _told(field: str, source: Mapping[str, Any]) -> str | None:
    try:
        return spoken(source.get(field))
    except TypeError:
        raise BadField(field, "must be a text") from None


def _name(field: str, value: str) -> str:
    if not NAME.fullmatch(value):
        raise BadField(field, "must be a channel's uuid: letters, digits and . _ : @ + -, 128 at most")
    return value


def _rate(field: str, value: str) -> Rate:
    rate = RATES.get(value.lower())
    if rate is None:
        raise BadField(field, f"must be one of {', '.join(RATES)}")
    return rate


def _mix(field: str, value: str) -> Mix:
    for mix in MIXES:
        if value.lower() == mix:
            return mix
    raise BadField(field, "must be mono, mixed or stereo")


def _leg(field: str, value: str) -> Leg:
    for leg in LEGS:
        if value.lower() == leg:
            return leg
    raise BadField(field, "must be agent or customer")


def _text(field: str, value: str) -> str:
    if len(value) > 256:
        raise BadField(field, "must be 256 characters at most")
    return value


PLATFORM = Platform(
    name="freeswitch",
    path="/v1/freeswitch",
    dialect=FreeSwitchDialect,
    admit=admit,
    signs=signs,
    subprotocols=("audio.drachtio.org",),
)
