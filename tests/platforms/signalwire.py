"""SignalWire's compatibility API in small; see `tests.platforms.laml`."""

from __future__ import annotations

from tests.platforms.laml import LamlStandIn


class SignalWireStandIn(LamlStandIn):
    """One project; its id is that of the calls of `streamer.callers.signalwire`.

    A call takes new instructions by their address alone.
    """

    def __init__(
        self, *, project: str = "b08dacad-2f6c-4de1-93d6-cc732e0c69c5", token: str = "PT-signalwire-token"
    ) -> None:
        super().__init__("/api/laml/2010-04-01", project, token, frozenset({"Url", "Status"}))
