"""The stores that each contract suite runs over: the reference in memory, and the real ones."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calltrail.services.access.ports import StaffStore, StaffTokens
from calltrail.services.ports import AuditJournal, CatalogStore, ExportFiles, ExportJobs, HoldStore
from calltrail.stores.files import LocalExportFiles
from calltrail.stores.memory import (
    MemoryAuditJournal,
    MemoryCatalogStore,
    MemoryExportFiles,
    MemoryExportJobs,
    MemoryHoldStore,
)
from calltrail.stores.memory_people import MemoryStaffStore, MemoryStaffTokens
from calltrail.stores.migrations import upgrade
from calltrail.stores.registry.audit import RegistryAuditJournal
from calltrail.stores.registry.catalog import RegistryCatalogStore
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.holds import RegistryHoldStore
from calltrail.stores.registry.jobs import RegistryExportJobs
from calltrail.stores.registry.staff import RegistryStaffStore
from calltrail.stores.registry.staff_tokens import RegistryStaffTokens

over_both = pytest.fixture(params=["memory", "registry"])


@pytest.fixture(scope="session")
def fresh_registry_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated registry that nobody writes to: copied, it saves each test the migration."""
    database = tmp_path_factory.mktemp("fresh") / "registry.db"
    upgrade(database, "registry")
    return database


@pytest.fixture
def registry_file(fresh_registry_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(fresh_registry_file, tmp_path / "registry.db"))


@pytest.fixture
def registry(registry_file: Path) -> Iterator[Registry]:
    registry = Registry(registry_file, busy_timeout_s=10)
    yield registry
    registry.close()


@pytest.fixture
def other_registry(registry_file: Path) -> Iterator[Registry]:
    """The same database as another process has it open."""
    registry = Registry(registry_file, busy_timeout_s=10)
    yield registry
    registry.close()


def is_real(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "registry")


def the_registry(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("registry")


@over_both
def catalog_store(request: pytest.FixtureRequest) -> CatalogStore:
    return RegistryCatalogStore(the_registry(request)) if is_real(request) else MemoryCatalogStore()


@over_both
def staff_store(request: pytest.FixtureRequest) -> StaffStore:
    return RegistryStaffStore(the_registry(request)) if is_real(request) else MemoryStaffStore()


@over_both
def staff_tokens(request: pytest.FixtureRequest) -> StaffTokens:
    return RegistryStaffTokens(the_registry(request)) if is_real(request) else MemoryStaffTokens()


@over_both
def audit_journal(request: pytest.FixtureRequest) -> AuditJournal:
    return RegistryAuditJournal(the_registry(request)) if is_real(request) else MemoryAuditJournal()


@over_both
def export_jobs(request: pytest.FixtureRequest) -> ExportJobs:
    return RegistryExportJobs(the_registry(request)) if is_real(request) else MemoryExportJobs()


@over_both
def hold_store(request: pytest.FixtureRequest) -> HoldStore:
    return RegistryHoldStore(the_registry(request)) if is_real(request) else MemoryHoldStore()


@pytest.fixture(params=["memory", "disk"])
def export_files(request: pytest.FixtureRequest, tmp_path: Path) -> ExportFiles:
    return LocalExportFiles(tmp_path) if request.param == "disk" else MemoryExportFiles()
