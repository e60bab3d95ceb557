"""The registry's database file, shared by processes and threads."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from calltrail.services.ports import StoreUnavailable


class Registry:
    """An open registry; its tables are there already, see `migrations.upgrade`.

    Whoever finds the database locked waits for `busy_timeout_s` and then gets StoreUnavailable.
    """

    def __init__(self, database: Path, busy_timeout_s: float) -> None:
        url = URL.create("sqlite", database=str(database))
        self._engine = create_engine(url, connect_args={"timeout": busy_timeout_s})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        self._watch = sqlite3.connect(database, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
        self._watch_lock = Lock()

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment of the registry."""
        return _available(self._engine)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that nobody else writes beside, so that what it reads still holds when it writes.

        When the block ends without an exception its writes survive power loss.
        """
        return _available(self._writer)

    def commit_mark(self) -> int:
        """A number that differs from the one before if anybody committed a write in between; costs microseconds.

        It is asked on a connection that never writes, because SQLite leaves a connection's own commits out.
        """
        with self._watch_lock:
            mark: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
        return mark

    def close(self) -> None:
        self._watch.close()
        self._engine.dispose()


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 would begin transactions on its own, and later than we say
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


@contextmanager
def _available(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise StoreUnavailable(f"the registry can't be used: {error.orig}") from error
