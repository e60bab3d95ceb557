"""Exports from the filter on screen: what they will give, how far they are, their files, and who had them."""

import hashlib
import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from calltrail.api.file_response import DamagedFile
from calltrail.console.calls.asked_calls import read_asked
from calltrail.console.exports.words import criteria_of, name_of, query_of
from calltrail.domain.access import Permission, Principal, PrincipalKind
from calltrail.domain.audit import AuditAction, AuditEntry
from calltrail.domain.calls import CallStatus
from calltrail.domain.exports import (
    Compression,
    ExportFile,
    ExportFormat,
    ExportJob,
    ExportOptions,
    ExportOrder,
    ExportStatus,
    Shard,
    Snapshot,
)
from calltrail.domain.filters import CallFilter
from calltrail.formats.columns import COLUMNS, CONTRACT_COLUMNS
from calltrail.services.exports.making import ExportLimits, ExportRunner
from tests.api.site import ENDPOINT, OPERATOR, OWNER, PASSWORD
from tests.asgi import request
from tests.console.forms import fields_of, texts_at, wrong_fields
from tests.console.house import VIEWER, House, Person, text_of

EXPORTER = "ed@example.com"
"""May export, and not look at calls."""

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


class Exports(House):
    """A house whose worker is at hand."""

    def __init__(self) -> None:
        super().__init__()
        self.site.staff.set_role("Exporters", [Permission.INTEGRATION_LOGS_EXPORT])
        self.site.access.add_staff(EXPORTER, PASSWORD, ["Exporters"], OPERATOR)

    def job(self, job_id: int) -> ExportJob:
        job = self.site.jobs.get(job_id)
        assert job
        return job

    def claim(self) -> ExportJob:
        job = self.site.jobs.claim("worker", self.now, 60, 10)
        assert job
        return job

    def make(self, files_kept_for: timedelta = timedelta(days=7)) -> None:
        """Make the oldest export that waits."""
        limits = ExportLimits(
            batch_bytes=20_000, shards_at_a_time=2, lease_s=60, most_attempts=3, files_kept_for=files_kept_for
        )
        runner = ExportRunner(
            worker="worker",
            jobs=self.site.jobs,
            files=self.site.files,
            scanner=self.log,
            limits=limits,
            now=lambda: datetime.now(UTC),
        )
        runner.run(self.claim())

    def add_job(self, filter: CallFilter | None = None, options: ExportOptions | None = None) -> ExportJob:
        """An export that an endpoint asked for."""
        order = ExportOrder(ENDPOINT, "Exports.Logs", filter or CallFilter(), options or ExportOptions())
        job, _ = self.site.jobs.start(order, self.site.key, Snapshot(0, self.now), self.now)
        return job


async def started(person: Person, query: str = "?last=24h", **fields: Any) -> int:
    """Start an export; its id."""
    page = await person.post(f"/exports{query}", fields)
    assert page.status == 303, text_of(page)
    match = re.fullmatch(r"/exports/(\d+)\?done=(started|joined)", page.headers["location"])
    assert match
    return int(match[1])


async def ready(house: Exports, person: Person, **fields: Any) -> int:
    """Start an export of 40 calls, and make it."""
    for number in range(40):
        await house.add_call(house.now - timedelta(minutes=number))
    job_id = await started(person, **fields)
    house.make()
    return job_id


async def test_before_it_is_started_an_export_tells_its_rows_and_bytes() -> None:
    house = Exports()
    for number in range(3):
        await house.add_call(house.now - timedelta(hours=number), status=CallStatus.FAILED)
    await house.add_call(house.now - timedelta(hours=1))
    await house.add_call(house.now - timedelta(days=3), status=CallStatus.FAILED)
    owner = await house.person()
    view = await owner.json("/exports/new?last=24h&status=failed")
    assert (view["rows"], view["errors"]) == (3, 3)
    page = await owner.get("/exports/new?last=24h&status=failed")
    job_id = await started(owner, "?last=24h&status=failed")
    house.make()
    assert house.job(job_id).rows_done == 3
    assert house.job(job_id).bytes_expected == view["size_bytes"]
    assert "3 rows, about" in text_of(page)


async def test_the_form_of_the_page_starts_what_the_page_shows() -> None:
    house = Exports()
    call = await house.add_call()
    owner = await house.person()
    page = await owner.get("/exports/new?last=1h&method=Website.CreateOrder&errors=false")
    (action,) = re.findall(r'action="(/exports\?[^"]+)"', page.text)
    later = await house.add_call(datetime.now(UTC))
    done = await owner.post(action.replace("&amp;", "&"), fields_of(page, "errors=false"))
    job = house.job(int(done.headers["location"].split("/")[-1].partition("?")[0]))
    assert job.order.options == ExportOptions()
    assert (job.order.endpoint_external_id, job.order.method_system_name) == (None, None)
    assert job.started_by == f"staff:{OWNER}"
    calls = job.order.filter
    assert calls.since
    assert calls.till
    assert calls.till - calls.since == timedelta(hours=1)
    assert calls.since <= call.started_at < calls.till <= later.started_at
    assert (calls.method_system_names, calls.has_errors) == (("Website.CreateOrder",), False)
    assert house.site.audited(AuditAction.EXPORT_STARTED).principal == f"staff:{OWNER}"


async def test_a_program_starts_an_export_with_its_token_and_finds_its_files() -> None:
    house = Exports()
    await house.add_call()
    _, secret = house.site.passes.create_token(EXPORTER, "nightly", None, OPERATOR)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-www-form-urlencoded"}
    app = house.platform.app
    answer = await request(app, "POST", "/exports?last=1h", headers=headers, body=b"format=ndjson")
    assert (answer.status, answer.headers["location"]) == (303, "/exports/1?done=started")
    house.make()
    view = (await request(app, "GET", "/exports/1.json", headers=headers)).json()
    assert view["export"]["status"] == "ready"
    file = await request(app, "GET", view["files"][0]["url"], headers=headers)
    assert file.body.count(b"\n") == 1


async def test_a_window_without_an_end_ends_now() -> None:
    owner = await Exports().person()
    view = await owner.json("/exports/new?since=2026-01-01&last=all")
    assert view["filter"]["since"] == ["2026-01-01T00:00:00.000000"]
    assert view["filter"]["till"][0] >= "2026-01-01"
    assert "last" not in view["filter"]


async def test_a_window_of_the_future_stays_as_it_is() -> None:
    owner = await Exports().person()
    page = await owner.get("/exports/new?since=2199-01-01")
    assert page.status == 200
    assert "No calls match" in text_of(page)


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"format": "ndjson", "compression": "gzip"}, ExportOptions(ExportFormat.NDJSON, Compression.GZIP)),
        (
            {"delimiter": "\\t", "bom": ["false"], "spreadsheet_safe": ["false", "true"], "max_field_chars": "32767"},
            ExportOptions(delimiter="\t", bom=False, spreadsheet_safe=True, max_field_chars=32_767),
        ),
        (
            {"columns": ["OperationLogUrl", "OperationLogClientAddress"], "part_bytes": "16777216"},
            ExportOptions(columns=("OperationLogUrl", "OperationLogClientAddress"), part_bytes=16_777_216),
        ),
        ({"columns": [column.name for column in CONTRACT_COLUMNS]}, ExportOptions()),
        ({"columns": list(COLUMNS)}, ExportOptions(columns=tuple(COLUMNS))),
    ],
)
async def test_options_are_as_the_form_says(fields: dict[str, Any], options: ExportOptions) -> None:
    house = Exports()
    job_id = await started(await house.person(), **fields)
    assert house.job(job_id).order.options == options


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("parquet", ExportOptions(ExportFormat.PARQUET, columns=("OperationLogUrl",))),
        ("har", ExportOptions(ExportFormat.HAR, Compression.GZIP)),
        ("xml", ExportOptions(ExportFormat.XML, Compression.GZIP, columns=("OperationLogUrl",))),
    ],
)
async def test_what_a_format_has_no_use_for_is_left_out(format: str, options: ExportOptions) -> None:
    house = Exports()
    form = {"format": format, "compression": "gzip", "columns": "OperationLogUrl", "delimiter": "!!", "bom": "maybe"}
    job_id = await started(await house.person(), **form)
    assert house.job(job_id).order.options == options


async def test_everything_that_is_wrong_is_told_at_once_and_what_was_filled_in_stays() -> None:
    house = Exports()
    await house.add_call()
    owner = await house.person()
    fields = {
        "format": "csv",
        "compression": "lzma",
        "columns": ["OperationLogUrl", "OperationLogUlr", "OperationLogUrl"],
        "delimiter": "::",
        "bom": ["false"],
        "spreadsheet_safe": ["false", "true"],
        "max_field_chars": "-5",
        "part_bytes": "1",
    }
    page = await owner.post("/exports?last=24h", fields)
    assert page.status == 422
    wrong = wrong_fields(page)
    assert "one of none, gzip, zstd" in wrong["compression"]
    assert "one ASCII character" in wrong["delimiter"]
    assert "greater than or equal to 0" in wrong["max_field_chars"]
    assert "greater than or equal to 1024" in wrong["part_bytes"]
    assert 'Did you mean "OperationLogUrl"?' in text_of(page)
    assert '"OperationLogUrl" is here twice.' in text_of(page)
    kept = fields_of(page, "&till=" + page.text.partition("&amp;till=")[2].partition('"')[0])
    assert kept["compression"] == ["lzma"]
    assert kept["columns"] == ["OperationLogUrl"]
    assert kept["delimiter"] == ["::"]
    assert kept["bom"] == ["false"]
    assert kept["spreadsheet_safe"] == ["false", "true"]
    assert (kept["max_field_chars"], kept["part_bytes"]) == (["-5"], ["1"])
    assert "1 row, about" in text_of(page)
    assert not house.site.jobs.newest(1)


async def test_a_filter_that_is_not_understood_starts_nothing() -> None:
    house = Exports()
    owner = await house.person()
    page = await owner.get("/exports/new?status=done&since=yesterday")
    assert page.status == 422
    assert "/status" in text_of(page)
    assert "/since" in text_of(page)
    assert "Start the export" not in text_of(page)
    assert (await owner.post("/exports?status=done")).status == 422
    assert not house.site.jobs.newest(1)


async def test_equal_exports_that_are_under_way_are_one() -> None:
    house = Exports()
    owner, exporter = await house.person(), await house.person(EXPORTER)
    query = "?since=2026-11-01&till=2026-11-02&text=a"
    first = await owner.post(f"/exports{query}")
    second = await exporter.post(f"/exports{query}")
    other = await exporter.post(f"/exports{query}b")
    assert first.headers["location"] == "/exports/1?done=started"
    assert second.headers["location"] == "/exports/1?done=joined"
    assert other.headers["location"] == "/exports/2?done=started"


@pytest.mark.parametrize("path", ["/exports", "/exports/new?last=1h", "/exports/1"])
async def test_who_may_not_export_reads_what_is_missing_and_whom_to_ask(path: str) -> None:
    house = Exports()
    house.add_job()
    page = await (await house.person(VIEWER)).get(path)
    assert page.status == 403
    assert "Integration Logs Export" in text_of(page)
    assert OWNER in text_of(page)


@pytest.mark.parametrize("path", ["/exports", "/exports/1/cancel", "/exports/1/again"])
async def test_who_may_not_export_starts_and_stops_nothing(path: str) -> None:
    house = Exports()
    house.add_job()
    assert (await (await house.person(VIEWER)).post(path)).status == 403
    assert house.job(1).status is ExportStatus.QUEUED
    assert house.site.jobs.get(2) is None


async def test_who_may_not_look_at_calls_chooses_a_window_on_the_page() -> None:
    exporter = await Exports().person(EXPORTER)
    page = await exporter.get("/exports/new?last=7d&method=A")
    assert "/exports/new?last=1h&amp;method=A" in page.text
    assert 'href="/calls' not in page.text


async def test_exports_are_listed_newest_first_page_by_page() -> None:
    house = Exports()
    for number in range(120):
        house.add_job(CallFilter(device=f"device-{number}"))
    owner = await house.person()
    ids, address = [], "/exports"
    while address:
        view = await owner.json(address)
        ids.append([line["id"] for line in view["exports"]])
        address = view["older"]
    assert [len(page) for page in ids] == [50, 50, 20]
    assert [job_id for page in ids for job_id in page] == list(range(120, 0, -1))
    page = await owner.get("/exports?before=3")
    assert texts_at(page, "//tbody/tr/th") == ["Export 2", "Export 1"]
    assert "device-1" in text_of(page)
    assert "key 1 of demo.Website" in text_of(page)


@pytest.mark.parametrize("word", ["x", "-1", "1.5", "9" * 40])
async def test_a_place_in_the_list_that_is_none_is_told(word: str) -> None:
    page = await (await Exports().person()).get(f"/exports?before={word}")
    assert page.status == 422


@pytest.mark.parametrize("job_id", ["7", "9" * 40])
async def test_an_unknown_export_is_not_found(job_id: str) -> None:
    page = await (await Exports().person()).get(f"/exports/{job_id}")
    assert page.status == 404
    assert f"There is no export {job_id}." in text_of(page)


async def test_progress_is_told_from_the_queue_to_the_end() -> None:
    house = Exports()
    owner = await house.person()
    job_id = await started(owner)
    page = await owner.get(f"/exports/{job_id}")
    assert "Waiting for a worker" in text_of(page)
    assert 'data-live="2000"' in page.text
    house.claim()
    assert "Counting the calls" in text_of(await owner.get(f"/exports/{job_id}"))
    shards = [Shard(house.now, house.now, rows=100 * part, size_bytes=1_000_000 * part) for part in (1, 3)]
    house.site.jobs.save_plan(job_id, "worker", shards)
    house.site.jobs.add_file(job_id, "worker", ExportFile(1, "part-1.csv", 100, 900, "0" * 64))
    page = await owner.get(f"/exports/{job_id}")
    assert '<progress max="100" value="25"' in page.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page.text
    for figure in ("25 %", "1 of 2", "100 of 400", "1.0 MB of 4.0 MB"):
        assert figure in text_of(page)
    view = (await owner.json(f"/exports/{job_id}"))["export"]
    assert (view["status"], view["percent"], view["parts_done"], view["rows"]) == ("running", 25, 1, 400)
    house.site.jobs.finish(job_id, "worker", ExportStatus.FAILED, house.now, reason=f"disk full {HOSTILE}")
    page = await owner.get(f"/exports/{job_id}")
    assert "disk full <img" in text_of(page).replace("&lt;", "<")
    assert "data-live" not in page.text
    assert "http-equiv" not in page.text


async def test_the_list_moves_while_something_is_made() -> None:
    house = Exports()
    owner = await house.person()
    await started(owner)
    assert "data-live" in (await owner.get("/exports")).text
    house.make()
    assert "data-live" not in (await owner.get("/exports")).text


async def test_looking_at_an_export_in_the_making_leaves_no_trace() -> None:
    house = Exports()
    owner = await house.person()
    job_id = await started(owner)
    before = house.site.audit.entries()
    for _ in range(3):
        await owner.get(f"/exports/{job_id}")
        await owner.get("/exports")
    assert house.site.audit.entries() == before


async def test_a_live_export_is_cancelled_once() -> None:
    house = Exports()
    owner, exporter = await house.person(), await house.person(EXPORTER)
    job_id = await started(owner)
    page = await exporter.post(f"/exports/{job_id}/cancel")
    assert page.headers["location"] == f"/exports/{job_id}?done=cancelled"
    assert house.site.audited(AuditAction.EXPORT_CANCELLED).principal == f"staff:{EXPORTER}"
    again = await owner.post(f"/exports/{job_id}/cancel")
    assert again.headers["location"] == f"/exports/{job_id}"
    text = text_of(await owner.get(f"/exports/{job_id}"))
    assert f"Cancelled by {EXPORTER}" in text
    assert "Start again" in text


async def test_a_partner_is_not_told_who_cancelled_their_export() -> None:
    house = Exports()
    job = house.add_job()
    await (await house.person()).post(f"/exports/{job.id}/cancel")
    assert house.job(job.id).reason == "cancelled in the console"


async def test_an_export_starts_again_as_of_now_for_whoever_asks() -> None:
    house = Exports()
    options = ExportOptions(ExportFormat.XML, Compression.ZSTD, columns=("OperationLogUrl",))
    old = house.add_job(CallFilter(device="d"), options)
    exporter = await house.person(EXPORTER)
    await exporter.post(f"/exports/{old.id}/cancel")
    await house.add_call()
    page = await exporter.post(f"/exports/{old.id}/again")
    new = house.job(int(page.headers["location"].split("/")[-1].partition("?")[0]))
    assert new.order == replace(old.order, endpoint_external_id=None, method_system_name=None)
    assert new.started_by == f"staff:{EXPORTER}"
    assert new.snapshot.position > old.snapshot.position


async def test_an_export_of_the_console_is_none_of_a_partners_business() -> None:
    house = Exports()
    house.platform.add_export()
    job_id = await started(await house.person())
    answer = await house.platform.call("Exports.Logs", f'{{"exportId":"{job_id}"}}'.encode())
    assert "There is no such export." in answer.text


async def test_a_ready_export_shows_its_files_and_their_sums() -> None:
    house = Exports()
    owner = await house.person()
    job_id = await ready(house, owner, part_bytes="4096")
    job = house.job(job_id)
    assert len(job.files) > 2
    page = await owner.get(f"/exports/{job_id}")
    text = text_of(page)
    for file in job.files:
        assert file.name in text
        assert file.sha256 in text
    view = await owner.json(f"/exports/{job_id}")
    for line, file in zip(view["files"], job.files, strict=True):
        got = await owner.get(line["url"])
        assert hashlib.sha256(got.body).hexdigest() == line["sha256"] == file.sha256
    manifest = (await owner.get(view["manifest_url"])).json()
    assert manifest["endpoint"] is None
    assert manifest["rows"] == view["export"]["rows_done"] == 40


async def test_links_of_a_page_are_those_of_who_looks_at_it() -> None:
    house = Exports()
    owner = await house.person()
    job_id = await ready(house, owner)
    exporter = await house.person(EXPORTER)
    url = (await exporter.json(f"/exports/{job_id}"))["files"][0]["url"]
    house.site.staff.assign(EXPORTER, [])
    assert (await (await house.stranger()).get(url)).status == 401


async def test_who_downloaded_what_is_shown() -> None:
    house = Exports()
    owner, exporter = await house.person(), await house.person(EXPORTER)
    job_id = await ready(house, owner)
    name = house.job(job_id).files[0].name
    other = AuditEntry(house.now, AuditAction.EXPORT_DOWNLOADED, "staff:eve", f"export {job_id}2", {"file": "x"})
    house.site.audit.add(replace(other, at=datetime.now(UTC)))
    assert "Nobody yet." in text_of(await owner.get(f"/exports/{job_id}"))
    url = (await exporter.json(f"/exports/{job_id}"))["files"][0]["url"]
    await exporter.get(url)
    await exporter.get(url, range="bytes=0-9")
    assert (await owner.get(f"/exports/{job_id}/files/all.zip", "HEAD")).status == 200  # is none
    await owner.get(f"/exports/{job_id}/files/all.zip")
    downloads = (await owner.json(f"/exports/{job_id}"))["downloads"]
    assert [(line["who"], line["file"], line["times"]) for line in downloads] == [
        (f"staff:{OWNER}", "all.zip", 1),
        (f"staff:{EXPORTER}", name, 2),
    ]
    assert f"{EXPORTER} {name} 2" in text_of(await owner.get(f"/exports/{job_id}"))


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_all_files_come_as_one_zip_of_known_size(compression: str) -> None:
    house = Exports()
    owner = await house.person()
    job_id = await ready(house, owner, part_bytes="4096", compression=compression)
    job = house.job(job_id)
    page = await owner.get(f"/exports/{job_id}/files/all.zip")
    assert page.status == 200
    assert page.headers["content-length"] == str(len(page.body))
    assert f"calltrail-{job_id}.zip" in page.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(page.body)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*(file.name for file in job.files), "manifest.json", "SHA256SUMS"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for line in archive.read("SHA256SUMS").decode().splitlines():
            sha256, _, name = line.partition("  ")
            assert hashlib.sha256(archive.read(name)).hexdigest() == sha256
        assert [archive.getinfo(file.name).file_size for file in job.files] == [file.size_bytes for file in job.files]


async def test_checksums_are_as_sha256sum_reads_them() -> None:
    house = Exports()
    owner = await house.person()
    job_id = await ready(house, owner, part_bytes="4096")
    page = await owner.get(f"/exports/{job_id}/files/SHA256SUMS")
    lines = [line.split("  ") for line in page.text.splitlines()]
    assert lines[:-1] == [[file.sha256, file.name] for file in house.job(job_id).files]
    assert lines[-1][1] == "manifest.json"
    assert page.headers["content-disposition"].endswith("SHA256SUMS")


@pytest.mark.parametrize("name", ["SHA256SUMS", "all.zip"])
async def test_an_export_in_the_making_has_no_files(name: str) -> None:
    house = Exports()
    owner = await house.person()
    job_id = await started(owner)
    page = await owner.get(f"/exports/{job_id}/files/{name}")
    assert page.status == 404
    assert "This export is queued" in text_of(page)


@pytest.mark.parametrize("is_marked", [True, False])
async def test_an_expired_export_keeps_its_sums_and_gives_no_files(is_marked: bool) -> None:
    house = Exports()
    owner = await house.person()
    job_id = await started(owner)
    house.make(files_kept_for=timedelta(0))
    if is_marked:
        house.site.jobs.mark_expired(job_id)
        house.site.files.delete(job_id)
    page = await owner.get(f"/exports/{job_id}")
    view = await owner.json(f"/exports/{job_id}")
    assert view["export"]["status"] == "expired"
    assert house.job(job_id).files[0].sha256 in text_of(page)
    assert "The files were deleted" in text_of(page)
    assert [view["zip_url"], view["manifest_url"], view["files"][0]["url"]] == [None] * 3
    for name in ("SHA256SUMS", "all.zip"):
        refused = await owner.get(f"/exports/{job_id}/files/{name}")
        assert refused.status == 404
        assert "expired" in text_of(refused)
    assert not house.site.audit.entries(AuditAction.EXPORT_LINKED)
    assert not house.site.audit.entries(AuditAction.EXPORT_DOWNLOADED)


async def test_a_part_that_is_gone_is_told_before_the_zip_begins() -> None:
    house = Exports()
    owner = await house.person()
    job_id = await ready(house, owner)
    house.site.publish(job_id, house.job(job_id).files[0].name, b"short")
    page = await owner.get(f"/exports/{job_id}/files/all.zip")
    assert page.status == 404
    assert not house.site.audit.entries(AuditAction.EXPORT_DOWNLOADED)


async def test_a_part_that_changes_on_the_way_breaks_the_zip_off(monkeypatch: pytest.MonkeyPatch) -> None:
    house = Exports()
    owner = await house.person()
    job_id = await ready(house, owner)
    monkeypatch.setattr("calltrail.console.exports.exports.are_whole", lambda *_: True)
    house.site.publish(job_id, house.job(job_id).files[0].name, b"short")
    with pytest.raises(DamagedFile):
        await owner.get(f"/exports/{job_id}/files/all.zip")


async def test_hostile_words_of_a_filter_are_shown_as_text() -> None:
    house = Exports()
    owner = await house.person()
    query = query_of(CallFilter(text=HOSTILE, device=HOSTILE, endpoint_external_id=HOSTILE))
    job_id = await started(owner, query)
    for path in (f"/exports/new{query}", "/exports", f"/exports/{job_id}"):
        page = await owner.get(path)
        assert "<img src=x" not in page.text
        assert text_of(page).count(HOSTILE) >= 3


async def test_an_export_that_waits_long_says_what_may_be_wrong() -> None:
    house = Exports()
    house.site.now -= timedelta(minutes=5)
    house.add_job()
    text = text_of(await (await house.person()).get("/exports/1"))
    assert "no export worker is running" in text


async def test_an_export_leads_to_its_calls() -> None:
    house = Exports()
    job = house.add_job(CallFilter(since=house.now, status=CallStatus.FAILED, text="a&b"))
    page = await (await house.person()).get(f"/exports/{job.id}")
    assert f'href="/calls{query_of(job.order.filter)}"'.replace("&", "&amp;") in page.text
    page = await (await house.person(EXPORTER)).get(f"/exports/{job.id}")
    assert 'href="/calls?' not in page.text.partition("<main")[2]


_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20)
_MOMENTS = st.datetimes(datetime(1971, 1, 2), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
_DURATIONS = st.none() | st.timedeltas(timedelta(0), timedelta(days=300))


@given(
    st.builds(
        CallFilter,
        since=st.none() | _MOMENTS,
        status=st.none() | st.sampled_from(CallStatus),
        has_errors=st.none() | st.booleans(),
        endpoint_external_id=st.none() | _NAMES,
        method_system_names=st.sets(_NAMES, max_size=3).map(lambda names: tuple(sorted(names))),
        device=st.none() | _NAMES,
        text=st.none() | _NAMES,
        http_status_class=st.none() | st.integers(1, 5),
        least_duration=_DURATIONS,
        most_duration=_DURATIONS,
    ),
    st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
)
def test_a_filter_survives_its_way_through_an_address(calls: CallFilter, length: timedelta | None) -> None:
    if calls.since and length:
        calls = replace(calls, till=calls.since + length)
    asked = read_asked(QueryParams(query_of(calls).removeprefix("?")), datetime(2026, 1, 1, tzinfo=UTC))
    assert asked.problems == ()
    assert asked.filter == calls


@pytest.mark.parametrize(
    ("since", "till", "words"),
    [
        (None, None, "all there is"),
        ("2026-11-24 10:00", None, "from 2026-11-24 10:00"),
        (None, "2026-11-24 10:00:07", "until 2026-11-24 10:00:07"),
        ("2026-11-24 10:00:00.5", "2026-11-25 10:00", "2026-11-24 10:00 to 2026-11-25 10:00"),
        ("2026-11-24 10:00:00.5", "2026-11-24 10:00:01", "2026-11-24 10:00:00.500 to 2026-11-24 10:00:01"),
    ],
)
def test_a_window_in_words_is_as_exact_as_it_is_short(since: str | None, till: str | None, words: str) -> None:
    begin, end = (datetime.fromisoformat(f"{text}+00:00") if text else None for text in (since, till))
    assert criteria_of(CallFilter(begin, end))[0].text == words


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        (Principal(PrincipalKind.STAFF, OWNER), OWNER),
        (Principal(PrincipalKind.ENDPOINT_KEY, "shop/a/3"), "key 3 of shop/a"),
        (Principal(PrincipalKind.KEYLESS, "shop"), "shop, without a key"),
        (Principal(PrincipalKind.OPERATOR, "root"), "operator root"),
        ("calltrail", "calltrail"),
    ],
)
def test_whoever_acted_has_a_name(principal: object, name: str) -> None:
    assert name_of(str(principal)) == name
