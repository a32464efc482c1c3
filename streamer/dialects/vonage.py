"""Vonage's WebSocket endpoint: a text that tells the format, then bare samples of what the socket may hear. Pure.

- https://developer.vonage.com/en/voice/voice-api/concepts/websockets
- https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks for the token that the
  socket is asked for with
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import ConfigDict, Field, SecretStr, field_validator

from streamer.dialects.dialect import Leg, Platform, Section, Upgrade
from streamer.dialects.events import Incoming
from streamer.dialects.guard import Guarded
from streamer.dialects.interleaved import Interleaved
from streamer.dialects.media_fields import Parameters, optional, parsed, text
from streamer.dialects.replays import Replays
from streamer.errors import BadField, OutOfOrder, ProtocolError
from streamer.types import CallStarted, CallStopped, Encoding, Gap, Outgoing, Remark, SignIn

RATES = (8000, 16_000, 24_000)
"""Hertz that Vonage sends."""
PLUMBING = frozenset({"event", "content-type", "digit", "digits", "dtmf"})
"""Fields of the first message that don't go into the metadata."""

_CONTENT_TYPE = re.compile(r"audio/l16 *; *rate *= *([0-9]{1,6})", re.IGNORECASE)


class VonageSettings(Section):
    """What is set for Vonage.

    Attributes:
      leg: whose voice a socket brings whose header `leg` doesn't say it; who is held to account where it is mixed.
      signature_secret: of the account, for sockets with `"authorization": {"type": "vonage"}`. With it, every socket
        must be asked for with Vonage's token.
      max_age: seconds that such a token is good for, either way of our clock.
      application_id: of the application that makes the calls; a token of another is refused.
      private_key: of the application, in PEM. Without it and `application_id` there is no control port.
      address: of the REST API; another for another region.
      number: of the application, that the customer's call is transferred from; Vonage's choice without.
      timeout: seconds that the control port has for an answer.
    """

    # What is wrong with a key is told without the key.
    model_config: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)

    leg: Leg = "agent"
    signature_secret: Annotated[SecretStr, Field(min_length=1)] | None = None
    max_age: Annotated[float, Field(gt=0)] = 300.0
    application_id: Annotated[str, Field(min_length=1)] | None = None
    private_key: SecretStr | None = None
    address: Annotated[str, Field(pattern=r"^https?://\S+$")] = "https://api.nexmo.com"
    number: Annotated[str, Field(pattern=r"^[0-9]{3,15}$")] | None = None
    timeout: Annotated[float, Field(gt=0)] = 5.0

    @field_validator("private_key")
    @classmethod
    def _readable(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            read_key(key)
        return key


class State(IntEnum):
    """Where the conversation stands."""

    AWAITING_CONNECTED = 0
    STREAMING = 1
    STOPPED = 2
    FAILED = 3


class VonageDialect(Guarded[State]):
    """The service's side of one socket, which is a participant of the call.

    ```
    AWAITING_CONNECTED --websocket:connected--> STREAMING --connection lost--> STOPPED
            |                                       |
            +--------------- mistake ---------------+--> FAILED
    ```

    Vonage closes the socket when its leg ends, and says nothing by that. Texts that come later (`websocket:dtmf` and
    others) are let pass: digits may be PINs. Nothing is ever sent: what a participant sends is heard by the others.

    Mistakes are answered as `Guarded` has it.

    Args:
      upgrade: the request for the socket; headers of the endpoint, but for a token, may stand in its query, too.
      settings: of the platform.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, upgrade: Upgrade, settings: VonageSettings, max_message_bytes: int) -> None:
        super().__init__(
            State.AWAITING_CONNECTED,
            failed=State.FAILED,
            deaf={State.STOPPED, State.FAILED},
            under_way={State.STREAMING},
            max_message_bytes=max_message_bytes,
        )
        self._query = upgrade.query
        self._settings = settings
        self._own_id = upgrade.id
        self._samples = Interleaved((settings.leg,), 2)

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way: that is how a leg ends."""
        if self.state is not State.STREAMING:
            return []
        self.state = State.STOPPED
        return [CallStopped("connection lost")]

    def send(self, event: Outgoing) -> str | None:
        """Put nothing into words."""
        return None

    def send_error(self, error: ProtocolError) -> str | None:
        """Put nothing into words: what says why is the socket's close code, and its reason."""
        return None

    def _text(self, message: str) -> list[Incoming]:
        said = parsed(message)
        event = text(said, "event", "event")
        if event == "websocket:connected":
            return self._begin(said)
        if self.state is State.AWAITING_CONNECTED:
            raise OutOfOrder("the first message must be websocket:connected", "event")
        return []

    def _begin(self, said: Mapping[str, Any]) -> list[Incoming]:
        if self.state is not State.AWAITING_CONNECTED:
            raise OutOfOrder("the socket has been connected already", "event")
        told = Parameters(self._query, {name: value for name, value in said.items() if name not in PLUMBING})
        kind = _CONTENT_TYPE.fullmatch(text(said, "content-type", "content-type"))
        if kind is None or int(kind[1]) not in RATES:
            raise BadField("content-type", f"must be audio/l16;rate=N, with N one of {', '.join(map(str, RATES))}")
        call = told.call
        if call is None:
            call = optional(told.metadata, "conversation_uuid", "conversation_uuid")
        leg = told.tracks["inbound"] if told.tracks else self._settings.leg
        self._samples = Interleaved((leg,), 2)
        unnamed = Remark(
            "call_id",
            f"the endpoint's headers have neither call nor conversation_uuid; the call is known as {self._own_id}, no "
            "other socket can bring it, and what is not named in agent_call_uuid can't be blocked",
        )
        started = CallStarted(
            call or self._own_id,
            Encoding.PCM_S16LE,
            int(kind[1]),
            (leg,),
            told.language,
            metadata=told.metadata,
            platform="vonage",
            names=told.names,
            joins=call is not None,
            remarks=() if call else (unnamed,),
        )
        self.state = State.STREAMING
        return [started] if told.token is None else [SignIn(told.token), started]

    def _binary(self, message: bytes) -> list[Incoming]:
        if self.state is not State.STREAMING:
            raise OutOfOrder("audio before websocket:connected")
        return [*self._samples.take(message)]

    def _lost(self, message: str | bytes) -> list[Gap]:
        return self._samples.passed_over(message)


class Admission:
    """Lets sockets in; remembers the ids of the tokens that they came with, for as long as these are good."""

    def __init__(self) -> None:
        self._replays = Replays()

    def admit(self, upgrade: Upgrade, settings: VonageSettings, now: float) -> str | None:
        """Say why a socket is refused, or None; as `Platform.admit`."""
        return admit(upgrade, settings, now, self._replays)


def admit(upgrade: Upgrade, settings: VonageSettings, now: float, replays: Replays | None = None) -> str | None:
    """Check the token that Vonage asks for a socket with: a JWT (RFC 7519), signed with the signature secret.

    Args:
      replays: ids of tokens (`jti`, section 4.1.7) that were here before; each lets one socket in.
    """
    if settings.signature_secret is None:
        return None
    scheme, _, token = upgrade.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return 'the socket must be signed: "authorization": {"type": "vonage"} in the endpoint'
    claims = verified(token.strip(), settings.signature_secret.get_secret_value())
    if claims is None:
        return "Vonage's token is not signed with the signature secret"
    refusal, id_ = _doubt(claims, settings, now), claims.get("jti")
    if refusal is None and isinstance(id_, str) and replays is not None:
        until = now + 2 * settings.max_age
        return None if replays.take(id_, now, until) else "Vonage's token was used before"
    return refusal


def _doubt(claims: Mapping[str, Any], settings: VonageSettings, now: float) -> str | None:
    """Say what is wrong with claims that Vonage signed."""
    issued, ends = _seconds(claims.get("iat")), _seconds(claims.get("exp", now + 1))
    if issued is None or ends is None:
        return "Vonage's token does not tell its time"
    if abs(now - issued) > settings.max_age or ends < now:
        return "Vonage's token is too old, or a clock is wrong"
    wanted = settings.application_id
    if wanted is not None and claims.get("application_id", wanted) != wanted:
        return "Vonage's token is another application's"
    return None


def signs(settings: VonageSettings) -> bool:
    """Whether sockets must be signed."""
    return settings.signature_secret is not None


def signed(claims: Mapping[str, Any], secret: str) -> str:
    """Make a token as Vonage does: a JWT, signed with HMAC and SHA-256 (RFC 7515, RFC 7518 section 3.2)."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    said = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{said}.{_base64url(_mac(said, secret))}"


def verified(token: str, secret: str) -> Mapping[str, Any] | None:
    """Read a token's claims; None where it isn't one that was signed with the secret."""
    said, _, signature = token.rpartition(".")
    head, dot, body = said.partition(".")
    try:
        if not dot or not hmac.compare_digest(_bytes(signature), _mac(said, secret)):
            return None
        header, claims = json.loads(_bytes(head)), json.loads(_bytes(body))
    except (ValueError, RecursionError):
        return None
    # A header that names another algorithm, or `none`, must not be what decides (RFC 8725, section 3.1).
    if not isinstance(header, dict) or header.get("alg") != "HS256" or not isinstance(claims, dict):
        return None
    return claims


def read_key(key: SecretStr) -> RSAPrivateKey:
    """Read an application's private key.

    Raises:
      ValueError: it is none; says so without the key.
    """
    try:
        read = load_pem_private_key(key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError):
        read = None
    if not isinstance(read, RSAPrivateKey):
        raise ValueError("must be an RSA private key in PEM, without a password")
    return read


def _mac(said: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), said.encode(), hashlib.sha256)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(code: str) -> bytes:
    """Read base64url without padding (RFC 7515, section 2)."""
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("no base64url") from None


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 2**53 else None


PLATFORM = Platform("vonage", "/v1/vonage", VonageDialect, Admission().admit, signs)
