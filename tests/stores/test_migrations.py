"""The way of a database from nothing to its newest version, and back."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine

from calltrail.domain.access import Permission, StaffMember
from calltrail.stores.migrations import Tree, downgrade, upgrade
from calltrail.stores.registry.catalog import RegistryCatalogStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.staff import RegistryStaffStore
from calltrail.stores.registry.tables import metadata

START = """
import sys
from pathlib import Path
from calltrail.stores.migrations import upgrade

print("ready", flush=True)
sys.stdin.readline()
upgrade(Path(sys.argv[1]), "registry")
"""
"""What a starting process does, once it is told to go on."""


@pytest.fixture
def engine(registry_file: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{registry_file}")
    yield engine
    engine.dispose()


def objects(database: Path) -> set[tuple[str, str, str]]:
    """Tables, indexes and triggers with their definitions."""
    with closing(sqlite3.connect(database)) as connection:
        return set(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_the_migrations_lead_to_the_tables_that_the_stores_use(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_index_that_keeps_orders_apart_is_as_the_tables_say(registry_file: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        engine = create_engine("sqlite://", creator=lambda: connection)
        metadata.create_all(engine)
        query = "SELECT sql FROM sqlite_master WHERE name = 'one_live_job_an_order'"
        (expected,) = connection.execute(query).fetchone()
    (made,) = [sql for _, name, sql in objects(registry_file) if name == "one_live_job_an_order"]
    assert made.split() == expected.split()


@pytest.mark.parametrize("tree", ["registry", "journal"])
def test_down_to_nothing_and_up_again_gives_the_same_database(tmp_path: Path, tree: Tree) -> None:
    database = tmp_path / "some.db"
    upgrade(database, tree)
    newest = objects(database)
    downgrade(database, tree, "base")
    assert {name for _, name, _ in objects(database)} == {"alembic_version"}
    upgrade(database, tree)
    assert objects(database) == newest


def test_an_upgrade_of_what_is_newest_already_changes_nothing(registry_file: Path) -> None:
    with closing(sqlite3.connect(registry_file)) as connection:
        connection.execute("INSERT INTO roles VALUES ('Auditors')")
        connection.commit()
    upgrade(registry_file, "registry")
    with closing(sqlite3.connect(registry_file)) as connection:
        assert connection.execute("SELECT name FROM roles ORDER BY name").fetchall() == [("Auditors",), ("Owners",)]


def test_people_and_keys_of_an_earlier_version_stay_as_they_were(registry_file: Path) -> None:
    downgrade(registry_file, "registry", "0002")
    with closing(sqlite3.connect(registry_file)) as connection:
        connection.execute("INSERT INTO staff VALUES ('ann@example.com', 'hash')")
        connection.execute("INSERT INTO staff_roles VALUES ('ann@example.com', 'Owners')")
        connection.execute(
            "INSERT INTO endpoint_keys VALUES (1, 'demo.Till', 'main', x'00', '2026-11-03 12:00:00', NULL)"
        )
        connection.commit()
    upgrade(registry_file, "registry")
    with closing(Registry(registry_file, busy_timeout_s=10)) as registry:
        store = RegistryStaffStore(registry)
        assert store.find("ann@example.com") == StaffMember(
            "ann@example.com", frozenset({"Owners"}), frozenset(Permission)
        )
        assert store.password_hash("ann@example.com") == "hash"
        (key,) = RegistryCatalogStore(registry).keys("demo.Till")
        assert (key.sha256, key.label, key.last_used_at) == (b"\x00", "", None)
    with closing(sqlite3.connect(registry_file)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_nobody_who_was_kept_out_can_sign_in_after_a_way_back(registry_file: Path) -> None:
    with closing(Registry(registry_file, busy_timeout_s=10)) as registry:
        store = RegistryStaffStore(registry)
        for name in ("ann", "disabled"):
            store.add(name, "hash", ["Owners"])
        store.add("invited", None, ["Owners"])
        store.disable("disabled")
    downgrade(registry_file, "registry", "0002")
    with closing(sqlite3.connect(registry_file)) as connection:
        assert connection.execute("SELECT * FROM staff").fetchall() == [("ann", "hash")]
        assert connection.execute("SELECT * FROM staff_roles").fetchall() == [("ann", "Owners")]


def test_processes_that_start_at_once_on_an_empty_folder_all_succeed(tmp_path: Path) -> None:
    database = tmp_path / "registry.db"
    start = [sys.executable, "-c", START, str(database)]
    starts = [subprocess.Popen(start, stdin=PIPE, stdout=PIPE, text=True) for _ in range(3)]
    for process in starts:
        assert process.stdout is not None
        process.stdout.readline()
    for process in starts:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in starts:
        process.communicate(timeout=60)
    assert [process.returncode for process in starts] == [0, 0, 0]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT name FROM roles").fetchall() == [("Owners",)]


def test_a_migrated_database_is_in_wal_mode(registry_file: Path) -> None:
    with closing(sqlite3.connect(registry_file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_path_with_unusual_characters_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "100% of: data?#"
    folder.mkdir()
    upgrade(folder / "registry.db", "registry")
    assert (folder / "registry.db").stat().st_size > 0
