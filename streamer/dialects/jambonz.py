"""jambonz's `listen` verb: a text that tells of the call, then bare samples. Pure.

- https://docs.jambonz.org/verbs/verbs/listen
- https://github.com/jambonz/jambonz-feature-server/blob/main/lib/tasks/listen.js and `dial.js`, `session/call-info.js`
- https://github.com/jambonz/freeswitch-modules/blob/main/mod_audio_fork/audio_pipe.cpp, which writes on the socket
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator

from streamer import wire
from streamer.dialects.dialect import LEGS, Leg, Platform, Section, Upgrade
from streamer.dialects.events import Incoming
from streamer.dialects.guard import Guarded
from streamer.dialects.interleaved import Interleaved
from streamer.dialects.media_fields import Parameters, number, optional
from streamer.errors import BadField, BadJson, OutOfOrder, ProtocolError
from streamer.types import CallStarted, CallStopped, Encoding, Gap, Outgoing, Remark, SignIn

FACTS = ("from", "to", "direction", "callerName", "callerId", "callId", "originatingSipTrunkName", "customerData")
"""What jambonz tells of a call that goes into its metadata."""
PLUMBING = frozenset(
    {
        "callSid",
        "parentCallSid",
        "accountSid",
        "applicationSid",
        "sampleRate",
        "mixType",
        "sipStatus",
        "sipReason",
        "callStatus",
        "traceId",
        "fsSipAddress",
        "fsPublicIp",
        "localSipAddress",
        "publicIp",
        "apiBaseUrl",
        "originatingSipIp",
        "sbcCallid",
        "dtmf",
        "digits",
    }
)
"""What else it tells, which does not, nor do digits."""


class JambonzSettings(Section):
    """What is set for jambonz.

    Attributes:
      first: who is on the call that runs the application, the A leg of a `dial`: its voice is the left side of
        `stereo`, and all of `mono`. A verb may say otherwise with `leg` in its `metadata`.
      username, password: that jambonz signs in with (`wsAuth` of the verb); both or none.
      api_key: of the account, for the REST API. Without it there is no control port.
      address: of the REST API, with its version.
      timeout: seconds that the control port has for an answer.
    """

    first: Leg = "agent"
    username: Annotated[str, Field(min_length=1, pattern=r"^[^:\x00-\x1f]+$")] | None = None
    password: SecretStr | None = None
    api_key: Annotated[SecretStr, Field(min_length=1)] | None = None
    address: Annotated[str, Field(pattern=r"^https?://\S+$")] = "https://api.jambonz.cloud/v1"
    timeout: Annotated[float, Field(gt=0)] = 5.0

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


class JambonzDialect(Guarded[State]):
    """The service's side of one listen's socket.

    ```
    AWAITING_METADATA --text--> STREAMING --connection lost--> STOPPED
            |                       |
            +------- mistake -------+--> FAILED
    ```

    jambonz closes the socket when a listen ends, and says nothing by that. Later texts (`dtmf`, `mark`, `playDone`) are
    let pass: digits may be PINs. While a listen is paused nothing comes, and nothing says so.

    Mistakes are answered as `Guarded` has it.

    Args:
      upgrade: the request for the socket; parameters, but for a token, may stand in its query, too.
      settings: of the platform.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, upgrade: Upgrade, settings: JambonzSettings, max_message_bytes: int) -> None:
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

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way: that is how a listen ends."""
        if self.state is not State.STREAMING:
            return []
        self.state = State.STOPPED
        return [CallStopped("connection lost")]

    def send(self, event: Outgoing) -> str | None:
        """Put nothing into words: what a listen is told plays sounds, or ends it."""
        return None

    def send_error(self, error: ProtocolError) -> str:
        """Put a peer's mistake into `error`, which ends the listen and stands in jambonz's log."""
        return json.dumps({"type": "error", "data": wire.mistake(error)}, ensure_ascii=False)

    def _text(self, message: str) -> list[Incoming]:
        objects = _objects(message)
        first = next(objects, None)
        if first is None:
            raise BadJson("a text message must be a JSON object; metadata of more than 8 kB are cut off by jambonz")
        for _ in objects:
            pass
        return self._begin(first) if self.state is State.AWAITING_METADATA else []

    def _begin(self, said: Mapping[str, Any]) -> list[Incoming]:
        own = optional(said, "callSid", "callSid")
        # In a `dial`, jambonz tells of the call that it made; the one that is listened to is that call's parent.
        parent = optional(said, "parentCallSid", "parentCallSid")
        call = parent or own
        rate = number(said, "sampleRate", "sampleRate")
        if rate is None or not 8000 <= rate <= 48_000:
            raise BadField("sampleRate", "must be from 8000 to 48000")
        rest = {name: value for name, value in said.items() if name not in {*FACTS, *PLUMBING} and name[:1] != "_"}
        told = Parameters(self._query, rest)
        first: Leg = told.tracks["inbound"] if told.tracks else self._settings.first
        second = LEGS[1 - LEGS.index(first)]
        match said.get("mixType"):
            case "mono":
                channels: tuple[Leg, ...] = (first,)
            case "stereo":
                channels = (first, second)
            case "mixed":
                # Nobody can tell who says what: everything is held against the agent, rather than nothing.
                channels = ("agent",)
            case _:
                raise BadField("mixType", "must be mono, stereo or mixed")
        account = optional(said, "accountSid", "accountSid")
        known = {"call": call, first: call, second: own if parent is not None else None, "account": account}
        names = {name: sid for name, sid in known.items() if sid is not None}
        named = told.call or call
        unnamed = Remark(
            "call_id",
            f"the listen came without a callSid; the call is known as {self._own_id}, and what is not named in "
            "agent_call_sid can't be blocked",
        )
        self._samples = Interleaved(channels, 2)
        started = CallStarted(
            named or self._own_id,
            Encoding.PCM_S16LE,
            rate,
            channels,
            told.language,
            metadata={**{name: said[name] for name in FACTS if said.get(name)}, **told.metadata},
            platform="jambonz",
            names={**names, **told.names},
            joins=named is not None,
            remarks=() if named else (unnamed,),
        )
        self.state = State.STREAMING
        return [started] if told.token is None else [SignIn(told.token), started]

    def _binary(self, message: bytes) -> list[Incoming]:
        if self.state is not State.STREAMING:
            raise OutOfOrder("audio before the text that tells of the call")
        return [*self._samples.take(message)]

    def _lost(self, message: str | bytes) -> list[Gap]:
        return self._samples.passed_over(message)


def admit(upgrade: Upgrade, settings: JambonzSettings, now: float) -> str | None:
    """Check the credentials that jambonz signs in with, by HTTP Basic (RFC 7617), where they are set."""
    if settings.username is None or settings.password is None:
        return None
    scheme, _, code = upgrade.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "jambonz must sign in by HTTP Basic: wsAuth of the listen verb"
    try:
        given = base64.b64decode(code.strip(), validate=True)
    except (binascii.Error, ValueError):
        return "what jambonz signs in with is no base64"
    expected = f"{settings.username}:{settings.password.get_secret_value()}".encode()
    return None if hmac.compare_digest(given, expected) else "the user name or password of wsAuth is wrong"


def signs(settings: JambonzSettings) -> bool:
    """Whether jambonz must sign in."""
    return settings.username is not None


def _objects(message: str) -> Iterator[Mapping[str, Any]]:
    """Read a text: jambonz appends one that has not left yet to the one before, so that several may come as one."""
    decoder = json.JSONDecoder()
    rest = message.strip()
    while rest:
        try:
            said, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            raise BadJson("a text message must be a JSON object; jambonz cuts off metadata of more than 8 kB") from None
        if not isinstance(said, dict):
            raise BadJson("a text message must be a JSON object")
        yield said
        rest = rest[end:].lstrip()


# jambonz names its own in the module's environment; where that isn't set, the module offers what it was written for.
SUBPROTOCOLS = ("audio.jambonz.org", "audio.drachtio.org")
PLATFORM = Platform("jambonz", "/v1/jambonz", JambonzDialect, admit, signs, SUBPROTOCOLS)
