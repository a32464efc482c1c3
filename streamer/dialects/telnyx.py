"""Telnyx media streaming, as `docs/platforms/telnyx.md` sets it up. Pure.

A stream is started with a `stream_auth_token`, and the socket is asked for with that in a header of its own; the first
message repeats it. It may be a secret of the settings, or a token of ours.

https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from pydantic import SecretStr

from streamer.dialects.dialect import Platform, Upgrade
from streamer.dialects.media_streams import MediaStreamsDialect, MediaStreamsSettings, Words, in_start

HEADER = "x-telnyx-streaming-auth-token"


class TelnyxSettings(MediaStreamsSettings):
    """`[platforms.telnyx]`.

    Attributes:
      api_key: `KEY...`, for the control port.
      address: of Telnyx's API.
      stream_auth_token: with which streams are started; then no token of ours is wanted.
    """

    api_key: SecretStr | None = None
    address: str = "https://api.telnyx.com"
    stream_auth_token: SecretStr | None = None


# A session is a call in the sense of ours: each of its legs has a call_control_id of its own, and may be streamed.
WORDS = Words(
    platform="telnyx",
    stream="stream_id",
    call=("call_session_id", "call_control_id"),
    names={"call": "call_control_id", "session": "call_session_id"},
    format="media_format",
    rate="sample_rate",
    parameters=in_start("custom_parameters"),
    codecs="set stream_codec to PCMU, PCMA or L16",
    facts=("from", "to", "tags"),
)


def admit(upgrade: Upgrade, settings: TelnyxSettings, now: float) -> str | None:
    """Say why a socket isn't one that was started with our secret; None where it is, or can't be told."""
    if settings.stream_auth_token is None:
        return None
    told = upgrade.headers.get(HEADER)
    if told is None:
        return f"the request has no {HEADER}"
    secret = settings.stream_auth_token.get_secret_value()
    if hmac.compare_digest(secret.encode(), told.encode(errors="surrogatepass")):
        return None
    return f"{HEADER} is not the stream_auth_token of the settings"


def _dialect(upgrade: Upgrade, settings: TelnyxSettings, limit: int) -> MediaStreamsDialect:
    words = WORDS if settings.stream_auth_token else replace(WORDS, sign_in=HEADER)
    return MediaStreamsDialect(words, upgrade, settings, limit)


PLATFORM = Platform(
    name="telnyx",
    path="/v1/telnyx",
    dialect=_dialect,
    admit=admit,
    signs=lambda section: section.stream_auth_token is not None,
)
