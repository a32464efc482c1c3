"""Alembic's way in; `streamer.record.database` gives it the connection."""

from alembic import context

from streamer.record.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
