"""What every ExportJobs must do."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy.dialects import sqlite

from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.calls import CallStatus
from calltrail.domain.exports import (
    Compression,
    ExportFile,
    ExportJob,
    ExportOptions,
    ExportOrder,
    ExportStatus,
    Shard,
    Snapshot,
)
from calltrail.domain.filters import CallFilter
from calltrail.services.ports import ExportJobs
from calltrail.stores.memory import MemoryExportJobs
from calltrail.stores.registry.column_types import Json
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.jobs import RegistryExportJobs

NOON = datetime(2026, 11, 3, 12, 0, 0, 123456, tzinfo=UTC)
LEASE_S = 30.0
IN_TIME = NOON + timedelta(seconds=29.9)
TOO_LATE = NOON + timedelta(seconds=30)

CALLER = Principal(PrincipalKind.ENDPOINT_KEY, "3")
SNAPSHOT = Snapshot(41, NOON)
ORDER = ExportOrder("demo.Website", "Logs.Export", CallFilter(), ExportOptions())
EVERY_CRITERION = ExportOrder(
    "demo.Till",
    "Logs.Export",
    CallFilter(
        NOON - timedelta(days=1),
        NOON,
        CallStatus.FAILED,
        True,
        "demo.Till",
        ("A", "Ä"),
        device="d-1",
        text="ж",
        http_status_class=5,
        least_duration=timedelta(microseconds=1),
        most_duration=timedelta(days=2, microseconds=999_999),
    ),
    ExportOptions(compression=Compression.GZIP, columns=("OperationLogUrl",), delimiter="\t"),
)
SHARDS = (
    Shard(NOON - timedelta(days=1), NOON, rows=10, size_bytes=1000),
    Shard(NOON, NOON + timedelta(microseconds=1), rows=1, size_bytes=10),
)
FIRST = ExportFile(1, "part-0001.csv", rows=10, size_bytes=990, sha256="ab" * 32, cut_cells=2)
SECOND = ExportFile(2, "part-0002.csv", rows=1, size_bytes=9, sha256="cd" * 32)


def order(number: int) -> ExportOrder:
    return replace(ORDER, endpoint_external_id=f"endpoint {number}")


def start(jobs: ExportJobs, order: ExportOrder = ORDER) -> ExportJob:
    job, _ = jobs.start(order, CALLER, SNAPSHOT, NOON)
    return job


def claim(jobs: ExportJobs, worker: str = "worker", now: datetime = NOON, limit: int = 100) -> ExportJob | None:
    return jobs.claim(worker, now, LEASE_S, limit)


def get(jobs: ExportJobs, job: ExportJob) -> ExportJob:
    known = jobs.get(job.id)
    assert known is not None
    return known


def started_and_claimed(jobs: ExportJobs) -> ExportJob:
    start(jobs)
    job = claim(jobs)
    assert job is not None
    return job


def finish(jobs: ExportJobs, job: ExportJob, worker: str = "worker") -> bool:
    return jobs.finish(job.id, worker, ExportStatus.READY, IN_TIME, expires_at=TOO_LATE)


def test_a_started_job_waits_and_keeps_all_that_it_was_started_with(export_jobs: ExportJobs) -> None:
    job, is_new = export_jobs.start(EVERY_CRITERION, CALLER, SNAPSHOT, NOON)
    assert is_new
    assert job == ExportJob(1, EVERY_CRITERION, "endpoint-key:3", SNAPSHOT, NOON)
    assert export_jobs.get(1) == job


def test_ids_count_from_one(export_jobs: ExportJobs) -> None:
    assert [start(export_jobs, order(number)).id for number in range(3)] == [1, 2, 3]


def test_the_newest_jobs_come_first_with_their_files_page_by_page(export_jobs: ExportJobs) -> None:
    assert export_jobs.newest(10) == ()
    for number in range(4):
        start(export_jobs, order(number))
    for _ in range(2):
        assert (job := claim(export_jobs))
        assert export_jobs.add_file(job.id, "worker", SECOND)
        assert export_jobs.add_file(job.id, "worker", FIRST)
    page = export_jobs.newest(3)
    assert [job.id for job in page] == [4, 3, 2]
    assert page == tuple(get(export_jobs, job) for job in page)
    start(export_jobs, order(4))
    assert export_jobs.newest(3, before=2) == (get(export_jobs, replace(page[0], id=1)),)
    assert export_jobs.newest(3, before=1) == ()
    assert export_jobs.newest(1)[0].id == 5


def test_a_job_that_never_was_is_not_found(export_jobs: ExportJobs) -> None:
    assert export_jobs.get(1) is None
    assert not export_jobs.cancel(1, "no more wanted", NOON)
    assert not export_jobs.renew(1, "worker", NOON, LEASE_S)
    assert not export_jobs.mark_expired(1)


def test_an_equal_order_gives_the_live_job_waiting_or_running(export_jobs: ExportJobs) -> None:
    job = start(export_jobs)
    other = Principal(PrincipalKind.STAFF, "ann@example.com")
    assert export_jobs.start(ORDER, other, Snapshot(99, IN_TIME), IN_TIME) == (job, False)
    running = claim(export_jobs)
    assert export_jobs.start(ORDER, other, Snapshot(99, IN_TIME), IN_TIME) == (running, False)


@pytest.mark.parametrize("end", ["ready", "failed", "cancelled"])
def test_an_equal_order_starts_anew_once_the_job_is_over(export_jobs: ExportJobs, end: str) -> None:
    job = started_and_claimed(export_jobs)
    if end == "cancelled":
        assert export_jobs.cancel(job.id, "no more wanted", IN_TIME)
    else:
        assert export_jobs.finish(job.id, "worker", ExportStatus(end), IN_TIME)
    again, is_new = export_jobs.start(ORDER, CALLER, SNAPSHOT, NOON)
    assert (again.id, is_new) == (2, True)


def test_the_oldest_waiting_job_is_taken_up_first(export_jobs: ExportJobs) -> None:
    for number in range(3):
        start(export_jobs, order(number))
    claimed = [claim(export_jobs) for _ in range(4)]
    assert [job and job.id for job in claimed] == [1, 2, 3, None]
    assert claimed[0] == export_jobs.get(1)
    assert claimed[0] is not None
    assert (claimed[0].status, claimed[0].attempts) == (ExportStatus.RUNNING, 1)


def test_no_more_jobs_run_at_once_than_the_limit_says(export_jobs: ExportJobs) -> None:
    jobs = [start(export_jobs, order(number)) for number in range(3)]
    assert claim(export_jobs, "a", limit=2)
    assert claim(export_jobs, "b", limit=2)
    assert claim(export_jobs, "c", limit=2) is None
    assert finish(export_jobs, jobs[0], "a")
    assert claim(export_jobs, "c", limit=2)


def test_a_job_is_taken_up_by_another_only_once_its_lease_ran_out(export_jobs: ExportJobs) -> None:
    started_and_claimed(export_jobs)
    assert claim(export_jobs, "other", IN_TIME) is None
    taken = claim(export_jobs, "other", TOO_LATE)
    assert taken is not None
    assert (taken.id, taken.attempts) == (1, 2)


def test_a_lease_that_ran_out_does_not_count_towards_the_limit(export_jobs: ExportJobs) -> None:
    started_and_claimed(export_jobs)
    taken = claim(export_jobs, "other", TOO_LATE, limit=1)
    assert taken is not None
    assert taken.id == 1


def test_a_renewed_lease_counts_from_the_renewal(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    assert export_jobs.renew(job.id, "worker", IN_TIME, LEASE_S)
    assert claim(export_jobs, "other", TOO_LATE) is None
    assert claim(export_jobs, "other", IN_TIME + timedelta(seconds=30)) is not None


def test_a_worker_whose_lease_ran_out_goes_on_while_nobody_took_the_job(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    assert export_jobs.renew(job.id, "worker", TOO_LATE, LEASE_S)
    assert finish(export_jobs, job)


def test_the_plan_and_the_parts_are_kept_in_order(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    assert export_jobs.save_plan(job.id, "worker", list(SHARDS))
    assert export_jobs.add_file(job.id, "worker", SECOND)
    assert export_jobs.add_file(job.id, "worker", FIRST)
    known = get(export_jobs, job)
    assert (known.shards, known.files) == (SHARDS, (FIRST, SECOND))
    assert (known.rows_done, known.rows_expected) == (11, 11)


def test_a_part_made_again_takes_the_place_of_the_first(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    export_jobs.add_file(job.id, "worker", FIRST)
    again = replace(FIRST, sha256="ef" * 32)
    assert export_jobs.add_file(job.id, "worker", again)
    assert get(export_jobs, job).files == (again,)


def test_whoever_takes_up_a_job_finds_its_plan_and_its_parts(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    export_jobs.save_plan(job.id, "worker", SHARDS)
    export_jobs.add_file(job.id, "worker", FIRST)
    taken = claim(export_jobs, "other", TOO_LATE)
    assert taken is not None
    assert (taken.shards, taken.files) == (SHARDS, (FIRST,))


def test_a_job_becomes_ready_with_its_time_of_expiry(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    assert finish(export_jobs, job)
    known = get(export_jobs, job)
    assert (known.status, known.finished_at, known.expires_at) == (ExportStatus.READY, IN_TIME, TOO_LATE)
    assert claim(export_jobs, "other", TOO_LATE) is None


def test_a_failed_job_keeps_its_reason(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    assert export_jobs.finish(job.id, "worker", ExportStatus.FAILED, IN_TIME, reason="disk full")
    known = get(export_jobs, job)
    assert (known.status, known.reason, known.finished_at) == (ExportStatus.FAILED, "disk full", IN_TIME)


def test_a_waiting_job_can_be_cancelled_and_is_never_taken_up(export_jobs: ExportJobs) -> None:
    job = start(export_jobs)
    assert export_jobs.cancel(job.id, "no more wanted", IN_TIME)
    assert get(export_jobs, job) == replace(
        job, status=ExportStatus.CANCELLED, reason="no more wanted", finished_at=IN_TIME
    )
    assert claim(export_jobs) is None


def writes_of(jobs: ExportJobs, job: ExportJob) -> list[Callable[[], bool]]:
    """Everything that a worker may write about a job."""
    return [
        lambda: jobs.renew(job.id, "worker", IN_TIME, LEASE_S),
        lambda: jobs.save_plan(job.id, "worker", SHARDS),
        lambda: jobs.add_file(job.id, "worker", FIRST),
        lambda: finish(jobs, job),
        lambda: jobs.finish(job.id, "worker", ExportStatus.FAILED, IN_TIME, reason="late"),
    ]


def test_a_cancelled_job_stays_as_it_is_whatever_its_worker_still_does(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    assert export_jobs.cancel(job.id, "no more wanted", IN_TIME)
    cancelled = get(export_jobs, job)
    assert [write() for write in writes_of(export_jobs, job)] == [False] * 5
    assert not export_jobs.cancel(job.id, "once more", TOO_LATE)
    assert get(export_jobs, job) == cancelled


def test_nothing_is_kept_of_a_worker_whose_job_another_took_up(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    taken = claim(export_jobs, "other", TOO_LATE)
    assert [write() for write in writes_of(export_jobs, job)] == [False] * 5
    assert get(export_jobs, job) == taken
    assert claim(export_jobs, "third", TOO_LATE + timedelta(seconds=29)) is None


@pytest.mark.parametrize("end", [ExportStatus.READY, ExportStatus.FAILED])
def test_a_job_that_is_over_changes_no_more(export_jobs: ExportJobs, end: ExportStatus) -> None:
    job = started_and_claimed(export_jobs)
    export_jobs.finish(job.id, "worker", end, IN_TIME, reason="first")
    over = get(export_jobs, job)
    assert [write() for write in writes_of(export_jobs, job)] == [False] * 5
    assert not export_jobs.cancel(job.id, "too late", TOO_LATE)
    assert get(export_jobs, job) == over


def test_a_ready_job_expires_once_its_time_is_over(export_jobs: ExportJobs) -> None:
    job = started_and_claimed(export_jobs)
    export_jobs.add_file(job.id, "worker", FIRST)
    assert not export_jobs.mark_expired(job.id)
    finish(export_jobs, job)
    ready = get(export_jobs, job)
    assert export_jobs.expired(IN_TIME) == ()
    assert export_jobs.expired(TOO_LATE) == (ready,)
    assert export_jobs.mark_expired(job.id)
    assert export_jobs.expired(TOO_LATE) == ()
    assert not export_jobs.mark_expired(job.id)
    assert get(export_jobs, job) == replace(ready, status=ExportStatus.EXPIRED)


def test_jobs_that_have_files_or_may_come_to_have_some_are_told(export_jobs: ExportJobs) -> None:
    ready = started_and_claimed(export_jobs)
    finish(export_jobs, ready)
    running = started_and_claimed(export_jobs)
    queued, cancelled = start(export_jobs, order(1)), start(export_jobs, order(2))
    export_jobs.cancel(cancelled.id, "not needed", NOON)
    assert [job.id for job in export_jobs.with_files()] == [ready.id, running.id, queued.id]
    export_jobs.mark_expired(ready.id)
    assert [job.id for job in export_jobs.with_files()] == [running.id, queued.id]


def race(jobs: list[ExportJobs], limit: int) -> list[int]:
    """Ids that eight workers get, a thread each, while each takes what it can."""

    def take_all(number: int) -> list[int]:
        taken = []
        while job := claim(jobs[number % len(jobs)], f"worker {number}", limit=limit):
            taken.append(job.id)
        return taken

    with ThreadPoolExecutor(8) as threads:
        return sorted(job_id for taken in threads.map(take_all, range(8)) for job_id in taken)


def test_workers_that_race_claim_each_job_once(export_jobs: ExportJobs) -> None:
    for number in range(20):
        start(export_jobs, order(number))
    assert race([export_jobs], limit=100) == list(range(1, 21))


def test_workers_of_two_processes_claim_each_job_once_and_keep_to_the_limit(
    registry: Registry, other_registry: Registry
) -> None:
    here, there = RegistryExportJobs(registry), RegistryExportJobs(other_registry)
    for number in range(20):
        start(here, order(number))
    assert race([here, there], limit=12) == list(range(1, 13))


def test_equal_orders_that_arrive_at_once_become_one_job(export_jobs: ExportJobs) -> None:
    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda _: export_jobs.start(ORDER, CALLER, SNAPSHOT, NOON), range(16)))
    assert {job.id for job, _ in started} == {1}
    assert [is_new for _, is_new in started].count(True) == 1


def test_a_process_sees_what_another_did_to_its_job(registry: Registry, other_registry: Registry) -> None:
    here, there = RegistryExportJobs(registry), RegistryExportJobs(other_registry)
    job = started_and_claimed(here)
    assert there.cancel(job.id, "no more wanted", IN_TIME)
    assert not finish(here, job)
    assert get(here, job) == get(there, job)


NUMBERS = st.integers(1, 3)
WORKERS = st.sampled_from(["a", "b"])


class SameStory(RuleBasedStateMachine):
    """Whatever is done, the registry answers as the reference does, and ends in the same state."""

    fresh_registry_file: Path

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        copy = shutil.copy(self.fresh_registry_file, self._folder.name)
        self._registry = Registry(Path(copy), busy_timeout_s=10)
        self._reference = MemoryExportJobs()
        self._real = RegistryExportJobs(self._registry)
        self._now = NOON

    def teardown(self) -> None:
        self._registry.close()
        self._folder.cleanup()

    def same(self, act: Callable[[ExportJobs], object]) -> None:
        assert act(self._real) == act(self._reference)

    @rule(seconds=st.sampled_from([1, 29, 30]))
    def wait(self, seconds: int) -> None:
        self._now += timedelta(seconds=seconds)

    @rule(number=NUMBERS)
    def start(self, number: int) -> None:
        self.same(lambda jobs: jobs.start(order(number), CALLER, SNAPSHOT, self._now))

    @rule(worker=WORKERS, limit=st.integers(1, 2))
    def claim(self, worker: str, limit: int) -> None:
        self.same(lambda jobs: jobs.claim(worker, self._now, LEASE_S, limit))

    @rule(job_id=NUMBERS, worker=WORKERS)
    def renew(self, job_id: int, worker: str) -> None:
        self.same(lambda jobs: jobs.renew(job_id, worker, self._now, LEASE_S))

    @rule(job_id=NUMBERS, worker=WORKERS)
    def save_plan(self, job_id: int, worker: str) -> None:
        self.same(lambda jobs: jobs.save_plan(job_id, worker, SHARDS))

    @rule(job_id=NUMBERS, worker=WORKERS, file=st.sampled_from([FIRST, SECOND]))
    def add_file(self, job_id: int, worker: str, file: ExportFile) -> None:
        self.same(lambda jobs: jobs.add_file(job_id, worker, file))

    @rule(job_id=NUMBERS, worker=WORKERS, status=st.sampled_from([ExportStatus.READY, ExportStatus.FAILED]))
    def finish(self, job_id: int, worker: str, status: ExportStatus) -> None:
        self.same(lambda jobs: jobs.finish(job_id, worker, status, self._now, reason="why", expires_at=self._now))

    @rule(job_id=NUMBERS)
    def cancel(self, job_id: int) -> None:
        self.same(lambda jobs: jobs.cancel(job_id, "no more wanted", self._now))

    @rule()
    def expire(self) -> None:
        self.same(lambda jobs: jobs.expired(self._now))
        over = [job.id for job in self._reference.expired(self._now)]
        self.same(lambda jobs: [jobs.mark_expired(job_id) for job_id in over])

    @rule(count=NUMBERS, before=NUMBERS | st.none())
    def look_through(self, count: int, before: int | None) -> None:
        self.same(lambda jobs: jobs.newest(count, before))
        self.same(lambda jobs: jobs.with_files())

    @invariant()
    def jobs_are_the_same(self) -> None:
        self.same(lambda jobs: [jobs.get(job_id) for job_id in range(1, 5)])


def test_the_registry_tells_the_same_story_as_the_reference(fresh_registry_file: Path) -> None:
    SameStory.fresh_registry_file = fresh_registry_file
    run_state_machine_as_test(SameStory, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))


def test_an_order_that_an_earlier_version_kept_is_read_as_what_it_meant() -> None:
    kept = (
        '{"endpoint_external_id":"demo.Website","method_system_name":"Logs.Export","filter":{"since":null,"till":null,'
        '"status":null,"has_errors":true,"endpoint_external_id":null,"method_system_names":["A"],"device":null,'
        '"text":null},"options":{}}'
    )
    expected = replace(ORDER, filter=CallFilter(has_errors=True, method_system_names=("A",)))
    assert Json[ExportOrder](ExportOrder).process_result_value(kept, sqlite.dialect()) == expected
