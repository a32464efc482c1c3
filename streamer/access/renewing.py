"""Tokens that are made or revoked while the service runs."""

from __future__ import annotations

import asyncio
import logging

from streamer.access.keyring import Keyring
from streamer.record.journal import JournalUnavailable

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""


async def renew(keyring: Keyring) -> None:
    """Learn of them, for ever; while the database is gone, those that are known stay as they are."""
    gone = False
    while True:
        await asyncio.sleep(EVERY)
        try:
            await asyncio.to_thread(keyring.refresh)
        except JournalUnavailable as error:
            if not gone:
                log.warning("tokens can't be read, those known stay good: %s", error)
            gone = True
        else:
            gone = False
