"""Cursors count for each gateway by itself; what waits to be posted is held by the one that posts it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # SQLite drops a constraint by copying the table, and has to be told what this one is called.
    with op.batch_alter_table("journal", naming_convention={"uq": "%(table_name)s_%(column_0_name)s_key"}) as journal:
        journal.drop_constraint("journal_cursor_key", type_="unique")
        journal.add_column(sa.Column("gateway", sa.Text, nullable=False, server_default=""))
    op.create_index("journal_of_a_gateway", "journal", ["gateway", "cursor"])
    op.add_column("outbox", sa.Column("gateway", sa.Text, nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("held_by", sa.Text))
    for table in ("calls", "violations", "scans", "outbox"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN cursor TO position")
        # Until now no two rows had one cursor. Those of no row keep it: it is no position either. The index begins with
        # the gateway, which no row has yet: without it, each of these rows would read the whole journal.
        op.execute(
            f"UPDATE {table} SET position ="  # noqa: S608 - our own tables
            " COALESCE((SELECT position FROM journal"
            f" WHERE journal.gateway = '' AND journal.cursor = {table}.position), position)"
        )
