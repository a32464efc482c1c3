"""Tokens that are known although the database is gone: what was read last, in a file beside the journal."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy import Engine

from streamer.access.tokens import TokenRow, Tokens
from streamer.record.journal import JournalUnavailable

log = logging.getLogger(__name__)

FILE = "tokens.json"
ROWS = TypeAdapter(list[TokenRow])
"""What is in it."""


class RememberedTokens(Tokens):
    """The tokens in the database; until that could be read once, those that were in it when it last could.

    The file holds hashes, as the database does, and is for its owner's eyes alone.

    Args:
      engine: as `database.engine_of` gives it.
      folder: where the file is.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        super().__init__(engine)
        self._file = folder / FILE
        self._last: list[TokenRow] | None = None

    def all(self) -> list[TokenRow]:
        """Give every token, the oldest first.

        Raises:
          JournalUnavailable: they can't be read, and either none are remembered or those that are were given before.
        """
        try:
            rows = super().all()
        except JournalUnavailable as error:
            if self._last is not None or (remembered := self._recall()) is None:
                raise
            log.error("tokens can't be read, %s; those of %s are good until they can", error, self._file)
            self._last = remembered
            return remembered
        if rows != self._last:
            self._remember(rows)
            self._last = rows
        return rows

    def _recall(self) -> list[TokenRow] | None:
        """Give what the file has; None where there is none, or one that can't be trusted."""
        try:
            return ROWS.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.error("%s can't be read, so that nobody is let in: %s", self._file, error)
            return None

    def _remember(self, rows: list[TokenRow]) -> None:
        # Two processes may write it at once, each whole.
        new = self._file.with_name(f"{FILE}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump([asdict(row) for row in rows], file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
        except OSError as error:
            log.error("tokens can't be remembered in %s: %s", self._file, error.strerror or error)
