"""All that the console's process has at hand: what the socket and the REST interface are made of."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from streamer.access.guard import Guard
from streamer.access.keyring import Keyring
from streamer.access.remembered import RememberedTokens
from streamer.access.seal import Seal
from streamer.console.durability import Durability
from streamer.console.hub import Hub
from streamer.console.keeper import Keeper
from streamer.console.media import MediaPlane
from streamer.console.metrics import ConsoleMetrics
from streamer.console.rules import Rules
from streamer.errors import HuazhaError
from streamer.record.evidence import Evidence
from streamer.record.history import History
from streamer.record.journal import Journal
from streamer.record.statistics import Statistics
from streamer.record.webhooks import Sender
from streamer.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """Made by `open`."""

    settings: Settings
    media: MediaPlane
    hub: Hub
    journal: Journal
    keeper: Keeper
    durability: Durability
    history: History
    statistics: Statistics
    evidence: Evidence
    rules: Rules
    keyring: Keyring
    guard: Guard
    webhooks: Sender
    metrics: ConsoleMetrics
    engine: Engine

    @classmethod
    def open(cls, settings: Settings, media: MediaPlane, engine: Engine, cursor: int | None = None) -> Desk:
        """Put everything together.

        Args:
          engine: of the database.
          cursor: where the database can't be had yet, that up to which everything is in it all the same.

        Raises:
          HuazhaError: the database can't be had, after all.
        """
        webhooks = Sender(engine, settings.webhooks, gateway=settings.name)
        journal = Journal(engine, webhooks.wanted, gateway=settings.name)
        hub = Hub(journal.last_cursor() if cursor is None else cursor)
        durability = Durability(_teller(media))

        def written(cursor: int) -> None:
            hub.journalled(cursor)
            media.say("kept", cursor=cursor)
            webhooks.wake()

        async def troubled(trouble: str) -> None:
            await durability.note("journal", trouble)

        kept = settings.evidence
        keyring = Keyring(
            RememberedTokens(engine, settings.data), seal=Seal(settings.data, required=settings.tokens == "required")
        )
        keyring.refresh()
        return cls(
            settings,
            media,
            hub,
            journal,
            Keeper(journal.append, kept=written, durable=troubled),
            durability,
            History(engine),
            Statistics(engine),
            Evidence(settings.data / "evidence", days=kept.days, most=kept.megabytes * 1_000_000),
            Rules(media),
            keyring,
            Guard(keyring, settings.host, settings.origins, time.time),
            webhooks,
            ConsoleMetrics(CollectorRegistry()),
            engine,
        )


def _teller(media: MediaPlane) -> Any:
    """Give what tells everybody how the service is; while the media plane is gone, nobody can be told."""

    async def tell(fields: Mapping[str, Any]) -> None:
        try:
            await media.publish("service", fields)
        except HuazhaError as error:
            log.warning("nobody could be told that %s: %s", dict(fields), error)

    return tell
