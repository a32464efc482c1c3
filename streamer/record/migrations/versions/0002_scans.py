"""Scans, and which calls and violations are from one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("calls", sa.Column("scan", sa.String(64)))
    op.create_index("calls_of_a_scan", "calls", ["scan", "started_at"])
    op.add_column("violations", sa.Column("scan", sa.String(64)))
    op.create_index("violations_of_a_scan", "violations", ["scan", "at"])
    op.create_table(
        "scans",
        sa.Column("scan", sa.String(64), primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False, unique=True),
        sa.Column("began", sa.BigInteger, nullable=False, index=True),
        sa.Column("body", sa.Text, nullable=False),
    )
