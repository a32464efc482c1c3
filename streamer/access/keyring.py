"""The tokens in memory: a dead database locks nobody out, and no call waits for a disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from streamer.access.roles import Identity
from streamer.access.seal import Seal
from streamer.access.tokens import TokenRow, Tokens, digest
from streamer.errors import AccessDenied

log = logging.getLogger(__name__)


class Keyring:
    """Knows every token's hash, as of the last `refresh`.

    Nothing but `refresh` touches the database; it may be called in one thread while others ask.

    Args:
      tokens: where they are read.
      clock: seconds since 1970, for `empty` alone.
      seal: the mark that there were tokens once; None where nobody remembers.
    """

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.time, seal: Seal | None = None) -> None:
        self._tokens = tokens
        self._clock = clock
        self._seal = seal
        self._known: Mapping[str, TokenRow] | None = None
        self._closed = seal is not None and seal.closed
        self._lost = False

    def refresh(self) -> None:
        """Read all tokens; blocks.

        Raises:
          JournalUnavailable: they can't be read; those that were known still are.
        """
        known = {row.hash: row for row in self._tokens.all()}
        if known:
            self._closed = True
            if self._seal is not None:
                self._seal.close()
        elif self._closed and not self._lost:
            log.error("the database has no token, so that nobody is let in; make one: huazha token create")
        self._lost = self._closed and not known
        self._known = known

    @property
    def lost(self) -> bool:
        """Whether the database has no token at all, though there must be one."""
        return self._lost

    @property
    def empty(self) -> bool:
        """Whether no token that is known lets anybody in."""
        now = self._clock()
        return not any(row.good(now) for row in self._rows().values())

    @property
    def unused(self) -> bool:
        """Whether no token has ever been made, nor need be; False as long as that is not known.

        Not the same as `empty`: when the last token expires or is revoked, or the database is lost with all of them,
        everybody is locked out, not let in.
        """
        return self._known is not None and not self._known and not self._closed

    def find(self, token: str, now: float) -> Identity | None:
        """Give whom a token stands for; None when it is not good."""
        try:
            return self.admit(token, now)
        except AccessDenied:
            return None

    def admit(self, token: str, now: float) -> Identity:
        """Give whom a token stands for.

        Raises:
          AccessDenied: it is not good, and why.
        """
        # How long the look-up takes tells of the hash, and nobody can choose a token by its hash.
        row = self._rows().get(digest(token))
        if row is None:
            raise AccessDenied("wrong", "there is no such token")
        if row.revoked_at is not None:
            raise AccessDenied("wrong", "the token was revoked", row.name)
        if row.expired(now):
            raise AccessDenied("expired", "the token has expired", row.name)
        return row.identity

    def stands(self, identity: Identity, now: float) -> bool:
        """Tell whether the token that somebody signed in with is still good; another of theirs doesn't count."""
        return any(row.id == identity.token and row.good(now) for row in self._rows().values())

    def _rows(self) -> Mapping[str, TokenRow]:
        return self._known or {}
