"""Alembic's environment: runs on the connection that `service.db.migrate` hands over."""

from alembic import context

from service.db.models import all_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_metadata(),
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
