"""SignalWire's control port: the REST interface of its compatibility API; see `streamer.control.laml`.

Beside Twilio's, a call takes new instructions only by their address, and all SIDs are UUIDs.

- https://developer.signalwire.com/compatibility-api/client-sdks/methods/calls/update
- `specs/compatibility-api` of https://github.com/signalwire/docs
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from streamer.control.laml import LamlPort
from streamer.dialects.signalwire import SignalWireSettings


class SignalWirePort(LamlPort):
    """One project's calls.

    Args:
      settings: of the platform.
      address: of the space.
      project: its id.
      token: an API token of it.
      transport: instead of the network.
    """

    conference_sid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

    def __init__(
        self,
        settings: SignalWireSettings,
        address: str,
        project: str,
        token: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        root = f"{address.rstrip('/')}/api/laml/2010-04-01"
        super().__init__(root, project, token, settings.timeout, transport)

    def instructions(self, to: str) -> Mapping[str, str] | str:
        """Hand a call to the cXML at an address."""
        if to.startswith(("https://", "http://")):
            return {"Url": to}
        return "write the address of cXML that dials whoever is meant, https://..."


def open_port(settings: SignalWireSettings) -> SignalWirePort | None:
    """Give the port, if there are a space and credentials for it."""
    if settings.address is None or settings.project is None or settings.token is None:
        return None
    return SignalWirePort(settings, settings.address, settings.project, settings.token.get_secret_value())
