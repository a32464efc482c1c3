"""Genesys Cloud's AudioHook, version 2: a machine without sockets. Pure.

As of https://developer.genesys.cloud/devapps/audiohook/protocol-reference and session-walkthrough beside it, and of the
vendor's own client, https://github.com/purecloudlabs/audiohook-reference-implementation.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from streamer.dialects.audiohook_messages import Custom, Discarded, Message, Open, parse, seconds, shaped
from streamer.dialects.audiohook_signature import SignatureRefused, as_dialled, check, secret_of
from streamer.dialects.dialect import Leg, Platform, Section, Upgrade
from streamer.dialects.events import Closed, Incoming, Reply, Skipped
from streamer.dialects.guard import Guarded
from streamer.dialects.interleaved import Interleaved
from streamer.dialects.platform_clock import PlatformClock
from streamer.dialects.replays import Replays
from streamer.errors import BadField, OutOfOrder, ProtocolError, Unauthorised
from streamer.types import CallStarted, CallStopped, Encoding, Gap, Outgoing, Paused, SignIn

NAME = "audiohook"
NOBODY = "00000000-0000-0000-0000-000000000000"
"""What a connection probe has for the ids of conversation and participant."""
RATE = 8000
HEARD = (["external"], ["internal"], ["external", "internal"], ["internal", "external"])
"""Channels that an offer can have; they are interleaved in that order."""
EARLY = frozenset({"open", "close", "ping", "error"})
"""Messages that may come before the session is open."""
ENDS = {"reconnect": "connection lost", "error": "Genesys Cloud closed the session for an error"}
"""Why a call stops, where it isn't that it ended; a session that reconnects brings the same call again."""
REGIONS: Mapping[str, tuple[str, ...]] = {
    "zh": ("CN", "SG", "TW"),
    "en": ("US", "GB", "AU", "CA", "HK", "IE", "IN", "NZ", "SG", "ZA"),
}
"""Regions of a language that is known, since the protocol's tags want one; zh-HK is Cantonese to Genesys Cloud."""
LONGEST_GAP = 86_400
"""Seconds that can have been thrown away at once."""

_Track = Literal["external", "internal"]


class AudiohookSettings(Section):
    """`[platforms.audiohook]`.

    Attributes:
      channels: whose voice each channel is: `external` is who isn't a user of the organisation, `internal` who is.
      api_key: as in the integration's credentials; without it a token of ours is wanted.
      signature_secret: the integration's client secret, base64; then every connection must be signed with it.
      max_age: seconds after its making in which a signature is good.
      public_url: the integration's connection URI, which signatures are over, where a proxy changes host or path.
      region: of the organisation, for the control port: `mypurecloud.com`, `mypurecloud.de`, `aps1.pure.cloud`.
      address: of the Conversations API, where it isn't `https://api.` and the region.
      login: of its tokens, where it isn't `https://login.` and the region.
      oauth_client_id, oauth_client_secret: of an OAuth client with the grant Client Credentials, for the control port.
      timeout: seconds that the control port has for whatever it is asked.
    """

    channels: Mapping[_Track, Leg] = {"external": "customer", "internal": "agent"}
    api_key: SecretStr | None = None
    signature_secret: SecretStr | None = None
    max_age: Annotated[float, Field(gt=0, le=300)] = 10.0
    public_url: str | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")] = "mypurecloud.com"
    address: str | None = None
    login: str | None = None
    oauth_client_id: str | None = None
    oauth_client_secret: SecretStr | None = None
    timeout: Annotated[float, Field(gt=0)] = 5.0

    @field_validator("channels")
    @classmethod
    def _both(cls, channels: Mapping[_Track, Leg]) -> Mapping[_Track, Leg]:
        if len(channels) < 2 or len(set(channels.values())) < 2:
            raise ValueError("must give external and internal a leg each")
        return channels

    @field_validator("signature_secret")
    @classmethod
    def _base64(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            try:
                secret_of(secret.get_secret_value())
            except ValueError:
                raise ValueError("must be base64, as the integration has it") from None
        return secret

    @model_validator(mode="after")
    def _key_to_the_secret(self) -> AudiohookSettings:
        if self.signature_secret and not self.api_key:
            raise ValueError("signature_secret needs api_key, too")
        return self


class State(IntEnum):
    """Where the session stands."""

    AWAITING_OPEN = 0
    PROBED = 1
    STREAMING = 2
    PAUSED = 3
    STOPPED = 4
    FAILED = 5
    LEAVING = 6


class AudiohookDialect(Guarded[State]):
    """The server's side of one AudioHook session.

    ```
    AWAITING_OPEN --open--> STREAMING <--paused, resumed--> PAUSED
      |    |                    |                              |
      |    +--open of a probe---|--> PROBED --close--> STOPPED |
      |                         +--close, or connection lost---+--> STOPPED
      +--- mistake, from anywhere --> FAILED --disconnect was sent--> LEAVING --close--> STOPPED
    ```

    Messages are numbered on both sides; each of ours says the last of theirs. A session that was opened is answered at
    once, whatever else has to be made ready for the call: Genesys Cloud gives five seconds. It is always the client
    that ends a session: one that is told to disconnect closes it, and waits for `closed` as after any other close.

    Args:
      upgrade: the request; its ids must be those of the messages.
      max_message_bytes: a message over this is a mistake.
    """

    def __init__(self, upgrade: Upgrade, settings: AudiohookSettings, max_message_bytes: int) -> None:
        super().__init__(
            State.AWAITING_OPEN,
            failed=State.FAILED,
            deaf={State.STOPPED, State.FAILED},
            under_way={State.STREAMING, State.PAUSED},
            max_message_bytes=max_message_bytes,
        )
        self._upgrade = upgrade
        self._legs = settings.channels
        self._id = upgrade.headers.get("audiohook-session-id")
        self._seq = 0
        self._clientseq = 0
        self._samples = Interleaved((), 1)
        self._clock = PlatformClock(readings=2, tolerance=0.3)
        self._discarded_to = 0.0
        self._takes: dict[str, Callable[[Mapping[str, Any]], list[Incoming]]] = {
            "open": self._open,
            "close": self._close,
            "ping": lambda parameters: [self._reply("pong")],
            "update": lambda parameters: [self._reply("updated")],
            "paused": lambda parameters: self._pause(State.STREAMING, State.PAUSED),
            "resumed": lambda parameters: self._pause(State.PAUSED, State.STREAMING),
            "discarded": self._discarded,
        }

    def connection_lost(self) -> list[Incoming]:
        """The socket has closed, in whatever way."""
        if self.state not in {State.STREAMING, State.PAUSED}:
            return []
        self.state = State.STOPPED
        return [CallStopped("connection lost")]

    def send(self, event: Outgoing) -> str | None:
        """Say nothing: AudioHook Monitor takes no results."""
        return None

    @property
    def leaving(self) -> bool:
        """Whether the client was asked to disconnect, and has not closed the session yet."""
        return self.state is State.LEAVING

    def send_error(self, error: ProtocolError) -> str | None:
        """Ask the client to disconnect, and say why."""
        if self.state is State.STOPPED:
            return None
        self.state = State.LEAVING
        reason = "unauthorized" if isinstance(error, Unauthorised) else "error"
        return self._message("disconnect", {"reason": reason, "info": error.message})

    def _text(self, text: str) -> list[Incoming]:
        if self.state is State.LEAVING:
            return self._farewell(text)
        message = shaped(Message, parse(text))
        odd = self._odd_about(message)
        if odd is not None and (self.state not in self._under_way or message.seq == self._clientseq):
            raise odd
        # What goes on is followed, wherever its numbers are.
        self._clientseq = message.seq
        if self.state is State.AWAITING_OPEN and message.type not in EARLY:
            raise OutOfOrder("the first message must be open", "type")
        if self._id is None:
            self._id = message.id
        elif message.id.lower() != self._id.lower():
            raise BadField("id", "must be the session's, as in Audiohook-Session-Id")
        # Errors (a close follows the bad ones), digits, playback, and whatever a later client may say: none of it
        # concerns a listener.
        take = self._takes.get(message.type)
        events = take(message.parameters) if take else []
        events += self._behind(message)
        return events if odd is None else [*events, Skipped(odd)]

    def _odd_about(self, message: Message) -> ProtocolError | None:
        if message.seq != self._clientseq + 1:
            return OutOfOrder(f"seq: is {message.seq} after {self._clientseq}", "seq")
        if message.serverseq > self._seq:
            return OutOfOrder(f"serverseq: is {message.serverseq}, but only {self._seq} were sent", "serverseq")
        return None

    def _behind(self, message: Message) -> list[Incoming]:
        """Tell of audio that never came, by where the client says that it is in the stream."""
        if self.state is not State.STREAMING or message.type == "discarded":
            return []
        heard = self._samples.position / RATE
        missing = self._clock.missing(seconds(message.position), heard)
        return [*self._samples.lose(round(missing * RATE), "the stream went on without its audio")]

    def _open(self, parameters: Mapping[str, Any]) -> list[Incoming]:
        if self.state is not State.AWAITING_OPEN:
            raise OutOfOrder("the session is open already", "type")
        opening = shaped(Open, parameters, "parameters.")
        organization = self._upgrade.headers.get("audiohook-organization-id", opening.organizationId)
        if organization.lower() != opening.organizationId.lower():
            raise BadField("parameters.organizationId", "must be that of Audiohook-Organization-Id")
        media = self._choose(opening.media)
        answer: dict[str, Any] = {"startPaused": False, "media": [media] if media else []}
        if opening.supportedLanguages:
            answer["supportedLanguages"] = [
                f"{language}-{region}" for language in self._upgrade.languages for region in REGIONS.get(language, ())
            ]
        if opening.conversationId == NOBODY:
            self.state = State.PROBED
            return [self._reply("opened", answer)]
        if media is None:
            raise BadField("parameters.media", "must offer PCMU at 8000 Hz, of external, internal, or both")
        started = self._started(opening, tuple(self._legs[track] for track in media["channels"]))
        self.state = State.STREAMING
        return [self._reply("opened", answer), *started]

    def _choose(self, offers: list[Any]) -> dict[str, Any] | None:
        """Choose what is heard: both channels, else the agent's; of equals, what is offered first."""
        usable = [
            {"type": "audio", "format": "PCMU", "channels": offer["channels"], "rate": RATE}
            for offer in offers
            if isinstance(offer, dict)
            and (offer.get("type"), offer.get("format"), offer.get("rate")) == ("audio", "PCMU", RATE)
            and offer.get("channels") in HEARD
        ]
        return max(usable, key=self._worth, default=None)

    def _worth(self, offer: Mapping[str, Any]) -> int:
        channels = offer["channels"]
        return 2 if len(channels) == 2 else int(self._legs[channels[0]] == "agent")

    def _started(self, opening: Open, channels: tuple[Leg, ...]) -> list[Incoming]:
        custom = {**(opening.inputVariables or {}), **(opening.customConfig or {})}
        ours = shaped(Custom, custom, "parameters.customConfig.")
        query = shaped(Custom, {"language": self._upgrade.query.get("language")}, "query.")
        custom.pop("token", None)
        numbers = opening.participant.model_dump(exclude={"id"})
        self._samples = Interleaved(channels, 1)
        call = CallStarted(
            opening.conversationId,
            Encoding.MULAW,
            RATE,
            channels,
            ours.language or query.language or opening.language,
            metadata={**custom, **{name: number for name, number in numbers.items() if number}},
            platform=NAME,
            names={
                "conversation": opening.conversationId,
                "participant": opening.participant.id,
                "organization": opening.organizationId,
            },
            joins=True,
        )
        return [call] if ours.token is None else [SignIn(ours.token), call]

    def _close(self, parameters: Mapping[str, Any]) -> list[Incoming]:
        reason = parameters.get("reason")
        closed = self._reply("closed")
        called = self.state in {State.STREAMING, State.PAUSED}
        self.state = State.STOPPED
        if not called:
            return [closed, Closed()]
        # At once: the client gives ten seconds, and what was said last may take longer to be heard.
        return [closed, CallStopped(ENDS.get(reason, "stop") if isinstance(reason, str) else "stop")]

    def _farewell(self, text: str) -> list[Incoming]:
        """Take nothing any more but the close, whatever its number: a wrong one may be why the client has to go."""
        message = shaped(Message, parse(text))
        self._clientseq = message.seq
        if message.type != "close":
            return []
        self.state = State.STOPPED
        return [self._reply("closed"), Closed()]

    def _pause(self, before: State, after: State) -> list[Incoming]:
        if self.state is not before:
            return []
        self.state = after
        self._clock.pause()
        return [Paused(after is State.PAUSED)]

    def _discarded(self, parameters: Mapping[str, Any]) -> list[Incoming]:
        discarded = shaped(Discarded, parameters, "parameters.")
        length = seconds(discarded.discarded)
        if length > LONGEST_GAP:
            raise BadField("parameters.discarded", f"must be at most PT{LONGEST_GAP}S")
        begin, end = seconds(discarded.start), seconds(discarded.start) + length
        # What is told twice was discarded once.
        lost = end - max(begin, self._discarded_to)
        self._discarded_to = max(self._discarded_to, end)
        return [*self._samples.lose(round(max(0.0, lost) * RATE), "Genesys Cloud discarded it")]

    def _binary(self, message: bytes) -> list[Incoming]:
        if self.state is State.AWAITING_OPEN:
            raise OutOfOrder("audio before the session is open")
        return [*self._samples.take(message)] if self.state is State.STREAMING else []

    def _lost(self, message: str | bytes) -> list[Gap]:
        return self._samples.passed_over(message) if self.state is State.STREAMING else []

    def _reply(self, kind: str, parameters: Mapping[str, Any] | None = None) -> Reply:
        return Reply(self._message(kind, parameters or {}))

    def _message(self, kind: str, parameters: Mapping[str, Any]) -> str:
        self._seq += 1
        head = {"version": "2", "type": kind, "seq": self._seq, "clientseq": self._clientseq, "id": self._id or NOBODY}
        return json.dumps({**head, "parameters": parameters}, ensure_ascii=False)


class Admission:
    """Lets sockets in; remembers signatures for as long as they could come again."""

    def __init__(self) -> None:
        self._replays = Replays()

    def admit(self, upgrade: Upgrade, settings: AudiohookSettings, now: float) -> str | None:
        """Say why a socket is refused, or None; as `Platform.admit`."""
        if settings.api_key is None:
            return None
        api_key = settings.api_key.get_secret_value()
        if not hmac.compare_digest(upgrade.headers.get("x-api-key", "").encode(errors="replace"), api_key.encode()):
            return "x-api-key: is missing or wrong"
        if settings.signature_secret is None:
            return None
        target, authority = upgrade.target, upgrade.headers.get("host", "").lower().removesuffix(":443")
        if settings.public_url is not None:
            target, authority = as_dialled(settings.public_url)
        try:
            check(
                upgrade,
                api_key=api_key,
                secret=secret_of(settings.signature_secret.get_secret_value()),
                target=target,
                authority=authority,
                max_age=settings.max_age,
                now=now,
                replays=self._replays,
            )
        except SignatureRefused as refused:
            return str(refused)
        return None


PLATFORM = Platform(
    name=NAME,
    path="/v1/audiohook",
    dialect=AudiohookDialect,
    admit=Admission().admit,
    signs=lambda settings: settings.api_key is not None,
)
