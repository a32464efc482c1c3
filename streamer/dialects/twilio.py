"""Twilio Media Streams, as `docs/platforms/twilio.md` sets them up. Pure.

The upgrade is signed as any of Twilio's requests: HMAC-SHA1 with the account's auth token over the whole address, in
base64 (https://www.twilio.com/docs/usage/security#validating-requests). There is no more to sign in a GET: no time, and
no nonce.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from pydantic import SecretStr

from streamer.dialects.dialect import Platform, Upgrade
from streamer.dialects.media_streams import MediaStreamsDialect, MediaStreamsSettings, Words, dialled, in_start


class TwilioSettings(MediaStreamsSettings):
    """`[platforms.twilio]`.

    Attributes:
      account_sid: of the account whose calls are streamed, `AC...`.
      auth_token: of that account; for the signature on the socket, and for the control port.
      address: of Twilio's REST API.
    """

    account_sid: str | None = None
    auth_token: SecretStr | None = None
    address: str = "https://api.twilio.com"


WORDS = Words(
    platform="twilio",
    stream="streamSid",
    call=("callSid",),
    names={"call": "callSid", "account": "accountSid"},
    format="mediaFormat",
    rate="sampleRate",
    parameters=in_start("customParameters"),
    codecs="Twilio sends audio/x-mulaw",
)


def sign(address: str, auth_token: str) -> str:
    """Give the `X-Twilio-Signature` of a socket."""
    message = address.encode(errors="surrogatepass")
    return base64.b64encode(hmac.digest(auth_token.encode(), message, hashlib.sha1)).decode()


def admit(upgrade: Upgrade, settings: TwilioSettings, now: float) -> str | None:
    """Say why a socket isn't Twilio's; None where it is, or can't be told."""
    if settings.auth_token is None:
        return None
    signature = upgrade.headers.get("x-twilio-signature")
    if signature is None:
        return "the request has no X-Twilio-Signature"
    token, told = settings.auth_token.get_secret_value(), signature.encode(errors="surrogatepass")
    if any(
        hmac.compare_digest(sign(address, token).encode(), told) for address in dialled(upgrade, settings.public_url)
    ):
        return None
    return "X-Twilio-Signature is not that of the auth token over the address that was dialled"


PLATFORM = Platform(
    name="twilio",
    path="/v1/twilio",
    dialect=lambda upgrade, section, limit: MediaStreamsDialect(WORDS, upgrade, section, limit),
    admit=admit,
    signs=lambda section: section.auth_token is not None,
)
