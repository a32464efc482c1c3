"""Which recording a scanned call is of, and whether it was heard again since."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("calls", sa.Column("recording", sa.String(64)))
    op.create_index("ix_calls_recording", "calls", ["recording"])
    op.add_column("calls", sa.Column("superseded", sa.Boolean))
    op.add_column("violations", sa.Column("superseded", sa.Boolean))
