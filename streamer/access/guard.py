"""Who may come in: by a token, by a ticket had for one, or by being on this machine while there are no tokens."""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from streamer.access.keyring import Keyring
from streamer.access.loopback import is_loopback
from streamer.access.origins import Origin, authority, origin
from streamer.access.roles import Identity, Role
from streamer.errors import AccessDenied, ForbiddenOrigin, SettingsError

TICKET_SECONDS = 30.0
"""For which a ticket is good."""
REMEMBERED = 10 * TICKET_SECONDS
"""Seconds for which a used or expired ticket is told apart from one that never was."""
MOST_TICKETS = 10_000
"""Tickets that are remembered."""
LOCAL = Identity("local", Role.ADMIN)
"""Everybody, on a service that has no tokens."""
# RFC 6750, section 2.1.
_BEARER = re.compile(r"bearer +([a-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)


@dataclass(slots=True)
class _Issued:
    identity: Identity
    at: float
    used: bool = False


class Guard:
    """Signs people and programs in. Waits for nothing; safe to use from several threads.

    Args:
      keyring: the tokens.
      host: the address that the service binds.
      origins: where pages may come from, beside the service's own.
      clock: seconds since 1970.

    Raises:
      SettingsError: an origin is none.
    """

    def __init__(self, keyring: Keyring, host: str, origins: tuple[str, ...], clock: Callable[[], float]) -> None:
        self._keyring = keyring
        self._local = is_loopback(host)
        self._origins = frozenset(_listed(written) for written in origins)
        self._clock = clock
        self._tickets: OrderedDict[str, _Issued] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Whether everybody may do everything: on loopback, as long as no token was ever made."""
        return self._local and self._keyring.unused

    def identify(self, token: str | None) -> Identity:
        """Give whom a token stands for.

        Raises:
          AccessDenied: there is none, or it is not good.
        """
        if self.open:
            return LOCAL
        if token is None:
            raise AccessDenied("missing", "a token is wanted")
        return self._keyring.admit(token, self._clock())

    def ticket(self, identity: Identity) -> str:
        """Give what lets somebody in who signed in just now: once, within `TICKET_SECONDS`."""
        ticket, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._forget(now)
            if len(self._tickets) >= MOST_TICKETS:
                self._tickets.popitem(last=False)
            self._tickets[ticket] = _Issued(identity, now)
        return ticket

    def redeem(self, ticket: str) -> Identity:
        """Give whom a ticket lets in.

        Raises:
          AccessDenied: it is wrong, expired or used, or its owner's token is not good any more.
        """
        now = self._clock()
        with self._lock:
            self._forget(now)
            issued = self._tickets.get(ticket)
            if issued is None:
                raise AccessDenied("wrong", "there is no such ticket")
            name = issued.identity.name
            if issued.used:
                raise AccessDenied("used", "the ticket was used before", name)
            if now >= issued.at + TICKET_SECONDS:
                raise AccessDenied("expired", "the ticket has expired", name)
            issued.used = True
        if not self.stands(issued.identity):
            raise AccessDenied("wrong", "the token that the ticket was had for is not good any more", name)
        return issued.identity

    def stands(self, identity: Identity) -> bool:
        """Tell whether somebody who signed in may stay: ask again where a socket stays open."""
        return self.open if identity == LOCAL else self._keyring.stands(identity, self._clock())

    def check_origin(self, origin_: str | None, host: str | None) -> None:
        """Check where a request comes from: browsers say so, programs don't.

        On an open service the `Host` must be this machine's even without an `Origin`: a page whose name was made to
        lead here (DNS rebinding) counts as this service's own, and browsers send no `Origin` with what it reads.

        Args:
          origin_, host: the headers; None where there is none.

        Raises:
          ForbiddenOrigin: a page asks that has no business here.
        """
        source = None if origin_ is None else origin(origin_)
        if source is not None and source in self._origins:
            return
        here = None if host is None else authority(host, 443 if source is not None and source.scheme == "https" else 80)
        if self.open and host is not None and not (here is not None and self._ours(here[0])):
            raise ForbiddenOrigin(f"this service is not called {_shown(host)}; set origins, or make tokens")
        if origin_ is not None and (source is None or here != (source.host, source.port)):
            raise ForbiddenOrigin(f"pages from {_shown(origin_)} may not use this service; set origins")

    def _ours(self, name: str) -> bool:
        return is_loopback(name) or any(listed.host == name for listed in self._origins)

    def _forget(self, now: float) -> None:
        """Forget the tickets of long ago; they are in the order in which they were given."""
        while self._tickets and next(iter(self._tickets.values())).at < now - REMEMBERED:
            self._tickets.popitem(last=False)


def require_tokens(host: str, keyring: Keyring) -> None:
    """Refuse to start where anybody could come in.

    Raises:
      SettingsError: others can reach `host`, and no token keeps them out; or there must be tokens, and are none.
    """
    if keyring.lost:
        raise SettingsError(
            "database",
            None,
            "has no token, though the settings want some (tokens = required) or some were made before (tokens.made in "
            "the data folder): was it lost, or is it another? Nobody is let in without one. Make them again: "
            "huazha token create --role admin --name NAME, and one with --role platform for the telephony platform",
        )
    if not is_loopback(host) and keyring.empty:
        raise SettingsError(
            f"host {host}",
            None,
            "can be reached from other machines, and there is no token that is good; make one first: "
            "huazha token create --role admin --name NAME, and one with --role platform for the telephony platform",
        )


def bearer(header: str | None) -> str | None:
    """Give the token in an `Authorization` header; None when there is none."""
    found = _BEARER.fullmatch((header or "").strip(" \t"))
    return found[1] if found else None


def _listed(written: str) -> Origin:
    found = origin(written.removesuffix("/"))
    if found is None:
        raise SettingsError("settings", "origins", f"{written!r} is no origin, as in https://console.example.com")
    return found


def _shown(header: str) -> str:
    """Write a stranger's header so that it can stand in a log."""
    return ascii(header[:100])
