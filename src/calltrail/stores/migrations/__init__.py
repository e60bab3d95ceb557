"""Versions of the tables: a tree of migrations, in a folder of its own, for each database."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, NullPool, create_engine, event

Tree = Literal["registry", "journal"]
"""Which database it is; the folder whose `versions` are its migrations."""

_BUSY_TIMEOUT_S = 30.0
_PAGE_BYTES = 8192
"""Two or three calls fit; on pages of 4096 bytes a call wastes a quarter of one or spills over."""


def upgrade(database: Path, tree: Tree) -> None:
    """Bring the database, which is made when there is none, to its newest version: wholly or not at all.

    Processes that do so at once wait for each other. On return the new version survives power loss.
    """
    with _migrating(database, tree) as config:
        command.upgrade(config, "head")


def downgrade(database: Path, tree: Tree, revision: str) -> None:
    """Bring the database back to an earlier version, `base` being the empty one; what has no place there is lost."""
    with _migrating(database, tree) as config:
        command.downgrade(config, revision)


@contextmanager
def _migrating(database: Path, tree: Tree) -> Iterator[Config]:
    engine = create_engine(
        URL.create("sqlite", database=str(database)), poolclass=NullPool, connect_args={"timeout": _BUSY_TIMEOUT_S}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    with _locked(database), engine.begin() as connection:
        yield _config(connection, tree)


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    # SQLite's own locks are not enough: a change to WAL mode gives up at once where others would wait.
    with database.with_name(f"{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 would commit before some statements of a migration
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new database; an old one keeps its own
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _config(connection: Connection, tree: Tree) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "calltrail.stores:migrations")
    config.set_main_option("version_locations", f"calltrail.stores.migrations:{tree}/versions")
    config.set_main_option("path_separator", "newline")
    return config
