"""Twilio's control port: its REST interface, version 2010-04-01; see `streamer.control.laml`.

- https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
- https://www.twilio.com/docs/voice/twiml/dial
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

import httpx

from streamer.control.laml import LamlPort
from streamer.dialects.twilio import TwilioSettings

_NUMBER = re.compile(r"\+?[0-9]{2,15}")
_NOUNS = {"sip": "Sip", "sips": "Sip", "client": "Client", "conference": "Conference"}


class TwilioPort(LamlPort):
    """One account's calls.

    Args:
      settings: of the platform.
      account: its SID.
      token: its auth token.
      transport: instead of the network.
    """

    conference_sid = re.compile(r"CF[0-9a-fA-F]{32}")

    def __init__(
        self, settings: TwilioSettings, account: str, token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        root = f"{settings.address.rstrip('/')}/2010-04-01"
        super().__init__(root, account, token, settings.timeout, transport)

    def instructions(self, to: str) -> Mapping[str, str] | str:
        """Hand a call to a number, `sip:`, `client:`, `conference:`, or to the TwiML at an address."""
        if to.startswith(("https://", "http://")):
            return {"Url": to}
        if _NUMBER.fullmatch(to):
            return {"Twiml": f"<Response><Dial>{to}</Dial></Response>"}
        kind, _, name = to.partition(":")
        if name and kind in _NOUNS:
            noun, whom = _NOUNS[kind], to if kind in {"sip", "sips"} else name
            return {"Twiml": f"<Response><Dial><{noun}>{escape(whom)}</{noun}></Dial></Response>"}
        return "write a number, sip:WHO@WHERE, client:NAME, conference:NAME, or the address of TwiML, https://..."


def open_port(settings: TwilioSettings) -> TwilioPort | None:
    """Give the port, if there are credentials for it."""
    if settings.account_sid is None or settings.auth_token is None:
        return None
    return TwilioPort(settings, settings.account_sid, settings.auth_token.get_secret_value())
