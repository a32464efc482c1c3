"""Asterisk's WebSocket channel (chan_websocket), as Asterisk dials it. Pure.

What it says follows https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/ and, where that is silent,
`channels/chan_websocket.c` of Asterisk 20.18, 22.8 and 23.2: text messages are events, in plain text or in JSON
(`f(json)`), binary messages are bare samples in the format that `MEDIA_START` names. One socket is one leg.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from streamer.dialects.dialect import LEGS, Leg, Platform, Section, Upgrade
from streamer.dialects.events import Incoming
from streamer.dialects.guard import Guarded
from streamer.dialects.interleaved import Interleaved
from streamer.dialects.media_fields import as_text, optional
from streamer.errors import BadField, BadJson, OutOfOrder, ProtocolError
from streamer.types import CallStarted, CallStopped, Encoding, Gap, Outgoing, Remark, SignIn

NAME = "asterisk"
PATH = "/v1/asterisk"
SUBPROTOCOL = "media"

FORMATS: Mapping[str, tuple[Encoding, int]] = {
    "ulaw": (Encoding.MULAW, 8000),
    "alaw": (Encoding.ALAW, 8000),
    "slin": (Encoding.PCM_S16LE, 8000),
    "slin12": (Encoding.PCM_S16LE, 12_000),
    "slin16": (Encoding.PCM_S16LE, 16_000),
    "slin24": (Encoding.PCM_S16LE, 24_000),
    "slin32": (Encoding.PCM_S16LE, 32_000),
    "slin44": (Encoding.PCM_S16LE, 44_100),
    "slin48": (Encoding.PCM_S16LE, 48_000),
}
"""Asterisk's names of formats (`main/format_cache.c`) that can be listened to, with their rates."""

HELD = 64_000
"""Bytes that are kept of audio that comes before `MEDIA_START`: 8 s of G.711, 0.6 s of the widest format."""

Muting = Literal["mouth", "ear"]

PREFIX = "huazha_"
"""What channel variables are called by that are meant for us, in any case of letters."""
KNOWN = frozenset({"call", "leg", "language", "token", "agent_channel", "customer_channel"})
"""Parameters that mean something here; what else the address has is handed on."""
A_CALLS_OWN = KNOWN | {"agent"}
"""Parameters that are about one call; in the address, they may be another's."""

UNNAMED = Remark(
    "call_id",
    "neither HUAZHA_CALL nor the channel's id came: no other socket can bring this call, and without"
    " HUAZHA_AGENT_CHANNEL it can't be blocked",
)

_EVENT = re.compile(r"[A-Z][A-Z0-9_]*")


class AsteriskSettings(Section):
    """`[platforms.asterisk]`.

    Attributes:
      leg: whose voice a socket brings that doesn't say (`leg=` in its address).
      legs: what `leg=` may say, and whom that means.
      username, password: what Asterisk signs in with when it dials (the same in `websocket_client.conf`); no password,
        and it is not asked for.
      control: what carries blocks out: `ari`, the REST interface, which mutes what is in Stasis; or `ami`, the manager
        interface, which mutes any channel, those of `Dial` and `Queue` among them.
      mute: where a leg is muted: at its `mouth`, and Huazha hears silence from it, too, or at the other leg's `ear`,
        and Huazha goes on hearing what it says.
      ari: address of the REST interface, as `http.conf` has it, with `/ari` at its end.
      ari_user, ari_password: a user of `ari.conf` that is not read-only; without them nothing is carried out by ARI.
      app: a Stasis application that is registered all the while, for sounds that are mixed into a call; None plays
        them on the channels themselves.
      ami_host, ami_port, ami_tls: where the manager interface is, and whether it speaks TLS there.
      ami_user, ami_password: a user of `manager.conf` who may write `system,call,reporting` (and `originate`, for
        sounds); without them nothing is carried out by AMI.
      ami_sounds: the context of the dialplan through which AMI mixes sounds into calls; None, and none can be played.
      timeout: seconds that a request may take, further tries too.
    """

    leg: Leg = "agent"
    legs: Mapping[str, Leg] = {"agent": "agent", "customer": "customer"}
    username: str = "huazha"
    password: SecretStr | None = None
    ari: str = "http://127.0.0.1:8088/ari"
    ari_user: str | None = None
    ari_password: SecretStr | None = None
    app: str | None = None
    control: Literal["ari", "ami"] = "ari"
    mute: Muting = "mouth"
    ami_host: str = "127.0.0.1"
    ami_port: int = Field(default=5038, ge=1, le=65535)
    ami_tls: bool = False
    ami_user: str | None = Field(default=None, pattern=r"^[!-~]{1,80}$")
    ami_password: SecretStr | None = None
    ami_sounds: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,79}$")
    timeout: float = Field(default=5.0, gt=0)

    @model_validator(mode="after")
    def _ways_in(self) -> Self:
        """Refuse what would leave blocks uncarried though somebody meant to set it up."""
        has_ami = self.ami_user is not None and self.ami_password is not None
        if self.control == "ami" and not has_ami:
            raise ValueError('control = "ami" needs ami_user and ami_password, those of a user in manager.conf')
        if self.control == "ari" and (self.ami_user is not None or self.ami_password is not None):
            raise ValueError('ami_user and ami_password are only used with control = "ami"; set it, or leave them out')
        return self


class State(IntEnum):
    """Where the conversation stands."""

    AWAITING_START = 0
    STREAMING = 1
    STOPPED = 2
    FAILED = 3


class AsteriskDialect(Guarded[State]):
    """The service's side of one media socket.

    ```
    AWAITING_START --MEDIA_START--> STREAMING --connection lost--> STOPPED
          |                             |
          +---------- mistake ----------+--> FAILED
    ```

    Asterisk says nothing when a call ends: it closes the socket. Nor does it number what it sends, and on one
    connection nothing gets lost; so positions are counted, and the only gaps are audio that came too long before
    `MEDIA_START`, and what was passed over. Mistakes are answered as `Guarded` has it.

    Args:
      upgrade: what the socket was asked for with; its query has the parameters.
      settings: which leg is whose.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, upgrade: Upgrade, settings: AsteriskSettings, max_message_bytes: int) -> None:
        super().__init__(
            State.AWAITING_START,
            failed=State.FAILED,
            deaf={State.STOPPED, State.FAILED},
            under_way={State.STREAMING},
            max_message_bytes=max_message_bytes,
        )
        self._query = upgrade.query
        self._own_id = upgrade.id
        self._settings = settings
        self._held = bytearray()
        self._overflowed = 0
        self._samples = Interleaved((settings.leg,), 1)

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way; Asterisk ends every call so."""
        if self.state is not State.STREAMING:
            return []
        self.state = State.STOPPED
        return [CallStopped("connection lost")]

    def send(self, event: Outgoing) -> None:
        """Say nothing: what Asterisk takes on this socket concerns the socket's own channel, not the call."""

    def send_error(self, error: ProtocolError) -> None:
        """Say nothing: Asterisk would take it for an unknown command."""

    def _text(self, message: str) -> list[Incoming]:
        # The first character tells the two forms apart: names of events begin with a capital.
        fields = _json(message) if message.startswith("{") else _plain(message)
        name = fields.get("event")
        if not isinstance(name, str) or not _EVENT.fullmatch(name):
            raise BadField("event", "must be the name of an event, such as MEDIA_START")
        # The others (MEDIA_XON, MEDIA_XOFF, STATUS, MEDIA_BUFFERING_COMPLETED, MEDIA_MARK_PROCESSED, QUEUE_DRAINED,
        # ERROR) answer commands that are never sent, and DTMF_END holds what may be a PIN.
        return self._begin(fields) if name == "MEDIA_START" else []

    def _begin(self, fields: Mapping[str, Any]) -> list[Incoming]:
        if self.state is not State.AWAITING_START:
            raise OutOfOrder("a call has begun on this connection already", "event")
        encoding, rate = _format(fields.get("format"))
        parameters, remarks = _parameters(self._query, fields.get("channel_variables"))
        leg = self._leg(optional(parameters, "leg", "leg"))
        # Asterisk up to 22.7 names the channel, but not its id.
        call = optional(parameters, "call", "call")
        call = call or optional(fields, "channel_id", "channel_id") or optional(fields, "channel", "channel")
        names = {name: optional(parameters, f"{name}_channel", f"{name}_channel", 256) for name in LEGS}
        started = CallStarted(
            call or self._own_id,
            encoding,
            rate,
            (leg,),
            optional(parameters, "language", "language"),
            metadata={key: value for key, value in parameters.items() if key not in KNOWN},
            platform=NAME,
            names={leg: name for leg, name in names.items() if name},
            joins=call is not None,
            remarks=remarks if call else (*remarks, UNNAMED),
        )
        self._samples = Interleaved((leg,), encoding.width)
        self.state = State.STREAMING
        token = optional(parameters, "token", "token", 256)
        return [*([SignIn(token)] if token else []), started, *self._early()]

    def _leg(self, said: str | None) -> Leg:
        if said is None:
            return self._settings.leg
        leg = self._settings.legs.get(said) or self._settings.legs.get(said.lower())
        if leg is None:
            raise BadField("leg", f"must be one of {', '.join(self._settings.legs)}")
        return leg

    def _early(self) -> list[Incoming]:
        """Give what came before `MEDIA_START` (https://github.com/asterisk/asterisk/issues/1712)."""
        lost, payload = self._overflowed // self._samples.unit, bytes(self._held)
        self._held.clear()
        gaps = self._samples.lose(lost, "came too long before MEDIA_START")
        if len(payload) % self._samples.unit:
            return [*gaps, *self._samples.passed_over(payload)]
        return [*gaps, *self._samples.take(payload)]

    def _binary(self, message: bytes) -> list[Incoming]:
        if self.state is State.AWAITING_START:
            self._hold(message)
            return []
        return [*self._samples.take(message)]

    def _lost(self, message: str | bytes) -> list[Gap]:
        return self._samples.passed_over(message)

    def _hold(self, message: bytes) -> None:
        self._held += message
        # The oldest goes first, and by twos, so that samples of 16 bits stay whole.
        over = max(0, len(self._held) - HELD + 1) // 2 * 2
        del self._held[:over]
        self._overflowed += over


def admit(upgrade: Upgrade, settings: AsteriskSettings, now: float) -> str | None:
    """Check the user and password of `websocket_client.conf` (RFC 7617)."""
    if settings.password is None:
        return None
    scheme, _, credentials = upgrade.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    wanted = f"{settings.username}:{settings.password.get_secret_value()}".encode()
    if scheme.lower() != "basic" or not hmac.compare_digest(given, wanted):
        return "username or password of websocket_client.conf is missing or wrong"
    return None


def _json(message: str) -> dict[str, Any]:
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"a text message that begins with {{ must be a JSON object: {error}") from None
    if not isinstance(fields, dict):
        raise BadJson("a text message that begins with { must be a JSON object")
    return fields


def _plain(message: str) -> dict[str, str]:
    """Read `EVENT name:value name:value`; values have no spaces, but may have colons."""
    event, *words = message.split()[:32] or [""]
    pairs = (word.partition(":") for word in words)
    return {**{name: value for name, colon, value in pairs if colon}, "event": event}


def _format(said: Any) -> tuple[Encoding, int]:
    if not isinstance(said, str) or said not in FORMATS:
        told = repr(said[:32]) if isinstance(said, str) else "none"
        raise BadField("format", f"{told} can't be listened to; dial with c(ulaw), c(alaw), c(slin) or c(slin16)")
    return FORMATS[said]


def _parameters(query: Mapping[str, str], variables: Any) -> tuple[Mapping[str, Any], tuple[Remark, ...]]:
    """Give what is said about the call: by its channel's variables, and by the address as far as that may be believed.

    Parameters of a dial string (`v(...)`) stay on an object that all calls of a connection share
    (`ast_websocket_client_add_uri_params` in `res/res_websocket_client.c`), and come with later calls, too. Variables
    are the channel's own: where any was set for us, what the address says about a call may be about another.
    """
    said = {name.lower(): value for name, value in variables.items()} if isinstance(variables, dict) else {}
    prefixed = {name.removeprefix(PREFIX): value for name, value in said.items() if name.startswith(PREFIX)}
    bare = {name: value for name, value in said.items() if name in KNOWN}
    told = {
        name: value
        for name, value in {**bare, **prefixed}.items()
        # Others may hold anything.
        if name and isinstance(value, str | int | float) and as_text(value) is not None
    }
    if not prefixed:
        return {**query, **told}, ()
    believed = {name: value for name, value in query.items() if name not in A_CALLS_OWN}
    ignored = sorted(name for name in query if name in A_CALLS_OWN and query[name] and told.get(name) != query[name])
    remark = Remark(
        "address",
        f"the address of the socket says {', '.join(ignored)}, too: not believed, since HUAZHA_ variables came; what"
        " v(...) of a dial string says stays there for later calls",
    )
    return {**believed, **told}, (remark,) if ignored else ()


PLATFORM = Platform(
    name=NAME,
    path=PATH,
    dialect=AsteriskDialect,
    admit=admit,
    signs=lambda settings: settings.password is not None,
    subprotocols=(SUBPROTOCOL,),
    # As often as `reconnect_attempts` in websocket_client.conf says, until the first connection stands.
    redials=True,
)
