"""The journal, what it says summed up, webhooks to be sent, and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite counts up only what it calls an integer; elsewhere 32 bits would not do.
number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("position", number, primary_key=True, autoincrement=False),
        sa.Column("cursor", sa.BigInteger, nullable=False, unique=True),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("call", sa.String(64)),
        sa.Column("violation_id", sa.String(64)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("journal_of_a_call", "journal", ["call", "violation_id", "position"])
    op.create_table(
        "calls",
        sa.Column("call", sa.String(64), primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False, unique=True),
        sa.Column("call_id", sa.String(256), nullable=False, index=True),
        sa.Column("agent", sa.String(256), index=True),
        sa.Column("started_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.String(32)),
        sa.Column("duration", sa.Float, nullable=False),
        sa.Column("blind", sa.Float, nullable=False),
        sa.Column("violations", sa.Integer, nullable=False),
        sa.Column("worst", sa.String(16)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
    )
    op.create_table(
        "violations",
        sa.Column("call", sa.String(64), primary_key=True),
        sa.Column("violation_id", sa.String(64), primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("call_id", sa.String(256), nullable=False),
        sa.Column("agent", sa.String(256), index=True),
        sa.Column("rule_id", sa.String(128), nullable=False, index=True),
        sa.Column("category", sa.String(128), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False, index=True),
        sa.Column("status", sa.String(16), nullable=False, index=True),
        sa.Column("fired", sa.Boolean, nullable=False),
        sa.Column("term", sa.Text, nullable=False),
        sa.Column("heard", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(16), index=True),
        sa.Column("verdict_by", sa.String(256)),
        sa.Column("verdict_reason", sa.Text),
        sa.Column("action", sa.String(16)),
        sa.Column("late", sa.Float),
        sa.Column("block", sa.Text),
        sa.Column("outcome", sa.String(32)),
        sa.Column("lifted", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.Boolean, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("given_up", sa.Boolean, nullable=False),
    )
    op.create_index("outbox_of_an_endpoint", "outbox", ["endpoint", "given_up", "due_at"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
