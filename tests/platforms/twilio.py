"""Twilio's REST interface in small; see `tests.platforms.laml`."""

from __future__ import annotations

from tests.platforms.laml import LamlStandIn


class TwilioStandIn(LamlStandIn):
    """One account; its SID is that of the calls of `streamer.callers.twilio`."""

    def __init__(
        self, *, account: str = "AC" + "0" * 32, token: str = "twilio-auth-token", owner: str | None = None
    ) -> None:
        super().__init__("/2010-04-01", account, token, frozenset({"Url", "Twiml", "Status"}), owner)
