"""Where telephony platforms sign in, before a media stream is heard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from streamer.access.guard import Guard, bearer
from streamer.access.refusals import Refusals
from streamer.access.roles import Identity, Role
from streamer.errors import AccessDenied, ForbiddenOrigin

log = logging.getLogger(__name__)

STREAM = "media stream"


class Gate:
    """Lets platforms in, and tells of whom it doesn't. Waits for nothing.

    Args:
      guard: knows the tokens.
      tell: told the fields of an `access` event.
      clock: seconds.
    """

    def __init__(self, guard: Guard, tell: Callable[[Mapping[str, Any]], None], clock: Callable[[], float]) -> None:
        self._guard = guard
        self._tell = tell
        self._clock = clock
        self._refusals = Refusals()

    def knock(self, address: str, *, origin: str | None, host: str | None, authorization: str | None) -> None:
        """Look at the headers that a socket is asked for with; without a token in them, the first message has it.

        Raises:
          ForbiddenOrigin: it is some page that asks.
          AccessDenied: the token is not good, or is none.
        """
        try:
            if origin is not None:
                self._guard.check_origin(_as_of_a_page(origin), host)
            if authorization is not None and not self._guard.open:
                token = bearer(authorization)
                if token is None:
                    raise AccessDenied("wrong", "Authorization must be Bearer and a token")
                self._check(token)
        except (AccessDenied, ForbiddenOrigin) as error:
            self.refuse(address, error)
            raise

    def sign_in(self, address: str, token: str | None) -> Identity | None:
        """Let a stream begin; gives whose token it is, None where none is asked for.

        Raises:
          AccessDenied: the token is not good, or there is none.
        """
        try:
            return self._check(token)
        except AccessDenied as error:
            self.refuse(address, error)
            raise

    def refuse(self, address: str, error: AccessDenied | ForbiddenOrigin) -> None:
        """Put on the record that somebody did not get in."""
        fields = self._refusals.note(STREAM, address, error, self._clock())
        if fields is not None:
            log.warning("refused: %s", fields["detail"])
            self._tell(fields)

    def _check(self, token: str | None) -> Identity | None:
        if self._guard.open:
            return None
        identity = self._guard.identify(token)
        if not identity.role.may(Role.PLATFORM):
            raise AccessDenied("wrong", f"a token for {identity.role} opens no media stream", identity.name)
        return identity


def _as_of_a_page(origin: str) -> str:
    """Write an origin as a page has it, where a client that is no browser made it up of what it dials.

    IXWebSocket writes `ws://` and `wss://`, libwsc `http://` whatever it dials: `http://HOST:443`.
    """
    scheme, separator, rest = origin.partition("://")
    scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
    if scheme == "http" and rest.endswith(":443"):
        scheme = "https"
    return scheme + separator + rest
