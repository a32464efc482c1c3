"""The tables of the database; `migrations` makes them. Times are milliseconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

# SQLite counts up only what it calls an integer; elsewhere 32 bits would not do.
_Number = BigInteger().with_variant(Integer, "sqlite")

journal = Table(
    "journal",
    metadata,
    Column("position", _Number, primary_key=True, autoincrement=False),
    Column("cursor", BigInteger, nullable=False),
    Column("type", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("call", String(64)),
    Column("violation_id", String(64)),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("gateway", Text, nullable=False, server_default=""),
    Index("journal_of_a_call", "call", "violation_id", "position"),
    Index("journal_of_a_gateway", "gateway", "cursor"),
)
"""What happened, in the order in which it is chained: `position` counts from 1 without a gap. `cursor` is a gateway's
own number: two gateways may give the same. Rows older than gateways' names have an empty one, and are everybody's."""

calls = Table(
    "calls",
    metadata,
    Column("call", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("call_id", String(256), nullable=False, index=True),
    Column("agent", String(256), index=True),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
    Column("outcome", String(32)),
    Column("duration", Float, nullable=False),
    Column("blind", Float, nullable=False),
    Column("violations", Integer, nullable=False),
    Column("worst", String(16)),
    Column("body", Text, nullable=False),
    Column("missing", Text, nullable=False),
    Column("scan", String(64)),
    Column("recording", String(64), index=True),
    Column("superseded", Boolean),
    Index("calls_of_a_scan", "scan", "started_at"),
)
"""Calls as they stand, for searching: what the journal says, summed up; `position` is that of the row that began one,
`scan` is the one that a recording is from.
`missing` holds the metrics as well. A recording that was heard again, with other rules or another model, is a call for
each time, and all but the last are `superseded`."""

violations = Table(
    "violations",
    metadata,
    Column("call", String(64), primary_key=True),
    Column("violation_id", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("call_id", String(256), nullable=False),
    Column("agent", String(256), index=True),
    Column("rule_id", String(128), nullable=False, index=True),
    Column("category", String(128), nullable=False),
    Column("severity", String(16), nullable=False, index=True),
    Column("status", String(16), nullable=False, index=True),
    Column("fired", Boolean, nullable=False),
    Column("term", Text, nullable=False),
    Column("heard", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("verdict", String(16), index=True),
    Column("verdict_by", String(256)),
    Column("verdict_reason", Text),
    Column("action", String(16)),
    Column("late", Float),
    Column("block", Text),
    Column("outcome", String(32)),
    Column("lifted", Boolean, nullable=False),
    Column("evidence", Boolean, nullable=False),
    Column("scan", String(64)),
    Column("superseded", Boolean),
    Index("violations_of_a_scan", "scan", "at"),
)
"""Violations as they stand; `late` is the seconds from the term's end to the block, `superseded` is as its call is."""

scans = Table(
    "scans",
    metadata,
    Column("scan", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("began", BigInteger, nullable=False, index=True),
    Column("body", Text, nullable=False),
)
"""Scans of recordings that have ended."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("position", BigInteger, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("given_up", Boolean, nullable=False),
    Column("gateway", Text, nullable=False, server_default=""),
    Column("held_by", Text),
    Index("outbox_of_an_endpoint", "endpoint", "given_up", "due_at"),
)
"""Webhooks that are still to be sent; `position` is the event's. `gateway` wanted them sent. Any gateway that has the
endpoint may send them: it takes hold of a row (`held_by`) by putting off when it is due."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("role", String(32), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)
"""Who may do what; a token itself is nowhere."""
