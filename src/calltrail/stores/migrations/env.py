"""Run by Alembic for every command, over the connection and in the transaction that `_migrating` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
