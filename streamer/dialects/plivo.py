"""Plivo audio streams, as `docs/platforms/plivo.md` sets them up. Pure.

The upgrade is signed as any of Plivo's requests, by its signature V3: HMAC-SHA256 with the auth token over the address
(its query sorted and decoded), a full stop and a nonce, in base64. An account with several tokens has several
signatures, with commas between. A nonce lets one socket in.

https://www.plivo.com/docs/voice/xml/request/validation, and plivo-python's `plivo/utils/signature_v3.py`

https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from pydantic import SecretStr

from streamer.dialects.dialect import Platform, Upgrade
from streamer.dialects.media_streams import MediaStreamsDialect, MediaStreamsSettings, Words, dialled
from streamer.dialects.replays import Replays
from streamer.errors import BadField

REMEMBERED = 86_400.0
"""Seconds for which a nonce is: the signature has no time in it, by which it would end by itself."""

_AROUND = " \t\r\n\"'{}"


class PlivoSettings(MediaStreamsSettings):
    """`[platforms.plivo]`.

    Attributes:
      auth_id: of the account whose calls are streamed, `MA...`.
      auth_token: of that account; for the signature on the socket, and for the control port.
      address: of Plivo's API.
    """

    auth_id: str | None = None
    auth_token: SecretStr | None = None
    address: str = "https://api.plivo.com"


def extra_headers(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read the stream's `extraHeaders`, which have been seen as `a=1;b=2`, `a=1,b=2`, and `{X-PH-a: 1, X-PH-b: 2}`."""
    written = message.get("extra_headers")
    if written is None:
        return {}
    if not isinstance(written, str):
        raise BadField("extra_headers", "must be a text")
    headers = {}
    for part in re.split("[;,]", written):
        name, *value = re.split("[=:]", part, maxsplit=1)
        if value:
            headers[re.sub("(?i)^x-ph-", "", name.strip(_AROUND))] = value[0].strip(_AROUND)
    return headers


WORDS = Words(
    platform="plivo",
    stream="streamId",
    call=("callId",),
    names={"call": "callId", "account": "accountId"},
    format="mediaFormat",
    rate="sampleRate",
    parameters=extra_headers,
    codecs="set contentType to audio/x-l16;rate=16000, audio/x-l16;rate=8000 or audio/x-mulaw;rate=8000",
)


def sign(address: str, nonce: str, auth_token: str) -> str:
    """Give the `X-Plivo-Signature-V3` of a socket."""
    base, _, query = address.partition("?")
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    signed = base + ("?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else "")
    message = f"{signed}.{nonce}".encode(errors="surrogatepass")
    return base64.b64encode(hmac.digest(auth_token.encode(), message, hashlib.sha256)).decode()


def admit(upgrade: Upgrade, settings: PlivoSettings, now: float) -> str | None:
    """Say why a socket isn't Plivo's; None where it is, or can't be told."""
    if settings.auth_token is None:
        return None
    nonce = upgrade.headers.get("x-plivo-signature-v3-nonce")
    told = [upgrade.headers.get(name, "") for name in ("x-plivo-signature-v3", "x-plivo-signature-ma-v3")]
    signatures = [one.strip().encode(errors="surrogatepass") for one in ",".join(told).split(",") if one.strip()]
    if not (nonce and signatures):
        return "the request has no X-Plivo-Signature-V3, or no nonce with it"
    token = settings.auth_token.get_secret_value()
    for address in dialled(upgrade, settings.public_url):
        good = sign(address, nonce, token).encode()
        if any(hmac.compare_digest(good, signature) for signature in signatures):
            return None
    return "X-Plivo-Signature-V3 is not that of the auth token over the address that was dialled"


class Admission:
    """Lets sockets in; remembers their nonces."""

    def __init__(self) -> None:
        self._replays = Replays()

    def admit(self, upgrade: Upgrade, settings: PlivoSettings, now: float) -> str | None:
        """Say why a socket is refused, or None; as `Platform.admit`."""
        refusal = admit(upgrade, settings, now)
        nonce = upgrade.headers.get("x-plivo-signature-v3-nonce")
        if refusal is None and settings.auth_token and not self._replays.take(nonce, now, now + REMEMBERED):
            return "X-Plivo-Signature-V3-Nonce was used before"
        return refusal


PLATFORM = Platform(
    name="plivo",
    path="/v1/plivo",
    dialect=lambda upgrade, section, limit: MediaStreamsDialect(WORDS, upgrade, section, limit),
    admit=Admission().admit,
    signs=lambda section: section.auth_token is not None,
)
