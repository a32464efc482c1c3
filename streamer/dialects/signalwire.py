"""SignalWire's compatibility API, `<Stream>`, as `docs/platforms/signalwire.md` sets it up. Pure.

Its sockets speak as Twilio's do, but for linear samples beside mu-law, and ids that are UUIDs. Nothing is signed: a
stream is started with a bearer token (`authBearerToken`), one of ours, and the socket is asked for with that.

https://developer.signalwire.com/compatibility-api/cxml/voice/stream
"""

from __future__ import annotations

from pydantic import SecretStr

from streamer.dialects.dialect import Platform
from streamer.dialects.media_streams import MediaStreamsDialect, MediaStreamsSettings, Words, in_start


class SignalWireSettings(MediaStreamsSettings):
    """`[platforms.signalwire]`.

    Attributes:
      project: id of the project whose calls are streamed.
      token: an API token of it, `PT...`, for the control port.
      address: of the space, `https://NAME.signalwire.com`, for the control port.
    """

    project: str | None = None
    token: SecretStr | None = None
    address: str | None = None


WORDS = Words(
    platform="signalwire",
    stream="streamSid",
    call=("callSid",),
    names={"call": "callSid", "account": "accountSid"},
    format="mediaFormat",
    rate="sampleRate",
    parameters=in_start("customParameters"),
    codecs="leave codec out of <Stream>, or set it to L16@16000h",
)

PLATFORM = Platform(
    name="signalwire",
    path="/v1/signalwire",
    dialect=lambda upgrade, section, limit: MediaStreamsDialect(WORDS, upgrade, section, limit),
)
