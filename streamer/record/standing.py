"""Mutes that a service which died has left: read out of the journal, so that the one after it can lift them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from streamer.control.mutes import DONE
from streamer.record import database
from streamer.record.event import Event, read
from streamer.record.journal import JournalUnavailable
from streamer.record.schema import calls, journal

TYPES = ("block.result", "unblock")


@dataclass(slots=True)
class StandingMute:
    """A leg that was muted, and that nobody has lifted since.

    Attributes:
      call, call_id, agent: the call, as its events name it.
      platform: which one it is on.
      channel: the leg.
      names: what the platform's control port calls the call and its legs.
      asked: what asked for it, and when its time is over: violations and orders; None has no end. Empty where the last
        of them was taken back, but no unmute was confirmed.
      last: of those, the last that asked.
    """

    call: str
    call_id: str
    agent: str | None
    platform: str
    channel: str
    names: Mapping[str, str]
    asked: dict[str, datetime | None] = field(default_factory=dict)
    last: str = ""


def standing(engine: Engine, gateway: str, since: datetime) -> list[StandingMute]:
    """Find a gateway's mutes that were confirmed and not lifted, in its calls that began since then; blocks.

    Raises:
      JournalUnavailable: the journal can't be read.
    """
    query = (
        select(calls.c.body.label("began"), journal.c.body)
        .join(journal, journal.c.call == calls.c.call)
        .where(calls.c.started_at >= round(since.timestamp() * 1000), calls.c.scan.is_(None))
        .where(journal.c.type.in_(TYPES))
        .order_by(journal.c.position)
    )
    try:
        with engine.connect() as connection:
            rows = connection.execute(query).all()
    except (SQLAlchemyError, OSError) as error:
        raise JournalUnavailable(database.reason(error)) from error
    began = ((json.loads(row.began), row.body) for row in rows)
    ours = ((str(one.get("platform")), json.loads(body)) for one, body in began if one.get("gateway") == gateway)
    return replay((platform, Event.from_json(body)) for platform, body in ours)


def replay(told: Iterable[tuple[str, Event]]) -> list[StandingMute]:
    """Follow what was told of mutes; gives those that stand at the end.

    Args:
      told: events in the order of the journal, each with its call's platform.
    """
    legs: dict[tuple[str, str], StandingMute] = {}
    for platform, event in told:
        fields, call = event.fields, str(event.call)
        name, channel = str(fields.get("violation_id")), str(fields.get("channel"))
        match event.type, fields.get("action"):
            case "unblock", _:
                for leg in legs.values():
                    if leg.call == call:
                        leg.asked.pop(name, None)
            case "block.result", "mute" if _done(fields) and isinstance(fields.get("names"), dict):
                leg = legs.setdefault(
                    (call, channel), StandingMute(call, str(event.call_id), event.agent, platform, channel, {})
                )
                leg.names = {str(key): str(value) for key, value in fields["names"].items()}
                leg.asked[name] = None if fields["until"] is None else read(fields["until"])
                leg.last = name
            case "block.result", "unmute" if _done(fields) or fields["outcome"] == "unsupported":
                # Unsupported is what supervisors were told of a mute that nothing will lift.
                legs.pop((call, channel), None)
            case "block.result", "hangup" if fields["outcome"] == "confirmed":
                for key in [key for key in legs if key[0] == call]:
                    del legs[key]
    return [*legs.values()]


def _done(fields: Mapping[str, Any]) -> bool:
    return fields["outcome"] in DONE
