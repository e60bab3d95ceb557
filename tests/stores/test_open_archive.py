"""The archive as an open table: old ones stay readable, other tools read it as it lies, the docs' examples run."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import deltalake
import duckdb
import polars as pl
import pytest

from calltrail.domain.exports import Snapshot
from calltrail.domain.filters import CallFilter
from calltrail.formats.frames import LOG_SCHEMA
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.archive.schema import ARCHIVE_SCHEMA, SCHEMA_VERSION, ArchiveTooNew
from calltrail.stores.archive.table import ArchiveTable
from calltrail.stores.log_pages import LogPages
from calltrail.stores.log_scanner import LogScanner
from calltrail.stores.migrations import upgrade

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
VERSIONS = [int(path.name.removeprefix("archive-v")) for path in FIXTURES.glob("archive-v*/")]


@pytest.fixture(params=VERSIONS, ids="v{}".format)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def data(version: int, tmp_path: Path) -> Path:
    """A data folder with an archive of that version."""
    shutil.copytree(FIXTURES / f"archive-v{version}", tmp_path / "calltrail-data" / "archive")
    upgrade(tmp_path / "calltrail-data" / "journal.db", "journal")
    return tmp_path / "calltrail-data"


def _expected(version: int) -> pl.DataFrame:
    text = (FIXTURES / f"archive-v{version}.ndjson").read_text("utf-8")
    known = pl.read_ndjson(text.encode(), infer_schema_length=None)
    as_text = {name: pl.String() if dtype == pl.Datetime else dtype for name, dtype in LOG_SCHEMA.items()}
    missing = [pl.lit(None).alias(name) for name in LOG_SCHEMA if name not in known.columns]
    frame = known.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in as_text.items())
    return frame.with_columns(pl.col("started_at", "finished_at").str.to_datetime(time_unit="us", time_zone="UTC"))


def test_there_is_a_fixture_of_the_newest_version() -> None:
    assert SCHEMA_VERSION in VERSIONS


def test_an_archive_of_every_version_stays_readable(data: Path, version: int) -> None:
    expected = _expected(version)
    assert expected.height == 8
    assert LogPages(data / "journal.db", data / "archive").newest(CallFilter(), tuple(LOG_SCHEMA), 99).equals(expected)
    scanner, snapshot = (
        LogScanner(data / "journal.db", data / "archive"),
        Snapshot(8, datetime(2026, 11, 4, tzinfo=UTC)),
    )
    (shard,) = scanner.plan(snapshot, CallFilter(), 10**6)
    exported = pl.concat(scanner.scan(snapshot, CallFilter(), shard, tuple(LOG_SCHEMA), 10**6))
    assert exported.equals(expected.sort("started_at", "id"))
    row = ArchiveReader(data / "archive").find(expected["id"][3])
    assert row
    assert row[0] == expected["id"][3]


def test_an_archive_of_every_version_can_be_written_on(data: Path, version: int) -> None:
    table = ArchiveTable(data / "archive")
    calls = pl.concat([pl.read_parquet(path, schema=dict(ARCHIVE_SCHEMA), missing_columns="insert")
                       for path in (data / "archive").glob("day=*/*.parquet")])  # fmt: skip
    table.append(calls.with_columns(pl.col("id").str.replace("01a1", "01a2"), finished_in=pl.lit(9, pl.Int64)), 9)
    assert table.compact() == 4
    assert table.books().calls == 16
    assert ArchiveReader(data / "archive").view().files["rows"].sum() == 16


def test_an_archive_of_a_later_version_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / f"archive-v{SCHEMA_VERSION}", tmp_path / "archive")
    first = tmp_path / "archive" / "_delta_log" / f"{0:020}.json"
    first.write_text(first.read_text("utf-8").replace('Version": "1"', f'Version": "{SCHEMA_VERSION + 1}"'), "utf-8")
    with pytest.raises(
        ArchiveTooNew,
        match=f"has schema version {SCHEMA_VERSION + 1}, this Calltrail knows versions up to {SCHEMA_VERSION}",
    ):
        ArchiveReader(tmp_path / "archive").view()
    with pytest.raises(ArchiveTooNew):
        ArchiveTable(tmp_path / "archive").books()


def test_files_without_a_column_that_came_later_have_null_there(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "archive-v1", tmp_path / "archive")
    for path in (tmp_path / "archive").glob("day=2026-11-02/*"):
        pl.read_parquet(path).drop("client_address").write_parquet(path)
    upgrade(tmp_path / "journal.db", "journal")
    calls = LogPages(tmp_path / "journal.db", tmp_path / "archive").newest(CallFilter(), ("client_address",), 99)
    assert calls["client_address"].to_list() == ["203.0.113.9"] * 4 + [None] * 4


def test_duckdb_reads_the_table_as_it_lies(data: Path, version: int) -> None:
    calls = duckdb.read_parquet(deltalake.DeltaTable(str(data / "archive")).file_uris())
    assert sorted(calls.project("id").fetchall()) == sorted((id_,) for id_ in _expected(version)["id"])
    failed = calls.filter("has_errors AND started_at >= TIMESTAMPTZ '2026-11-03 00:00:00+00'")
    assert failed.project("method_system_name, url").distinct().fetchall() == [("Website.CreateOrder", "/?q=ж")]


def test_the_examples_of_the_docs_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "archive.md").read_text("utf-8"), re.DOTALL)
    assert len(examples) == 2
    names: dict[str, object] = {}
    for example in examples:
        exec(example, names)
    errors, one_day = names["errors"], names["one_day"]
    assert isinstance(errors, pl.DataFrame)
    assert errors.height == 4
    assert list(one_day.columns) == ["id", "started_at", "status"]  # type: ignore[attr-defined]
