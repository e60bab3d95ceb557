"""One export by the real worker: `python -m bench.export_job DATA POSITION FORMAT COMPRESSION [FILTER]`.

From the order to Ready, with parts, checksums and manifest; the filter is JSON, without one all calls are exported.
Prints its measurements as JSON.
"""

import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bench.process_tree import peak_memory_kib, processor_s
from calltrail.bootstrap.exporter import open_worker
from calltrail.bootstrap.registry import open_registry
from calltrail.domain.access import Principal, PrincipalKind
from calltrail.domain.exports import (
    LIVE_STATUSES,
    Compression,
    ExportFormat,
    ExportJob,
    ExportOptions,
    ExportOrder,
    ExportStatus,
    Snapshot,
)
from calltrail.domain.filters import CallFilter
from calltrail.services.ports import ExportJobs
from calltrail.settings import Settings

_TAKEN_UP_WITHIN_S = 0.05
"""How often the worker looks for an order; more often would take time from the work."""

_LOOK_EVERY_S = 0.2
"""When the end of the export is looked for; it is known from the job."""


def main() -> None:
    data, position, format_name, compression, *filter_json = sys.argv[1:]
    options = ExportOptions(format=ExportFormat(format_name), compression=Compression(compression))
    calls = TypeAdapter(CallFilter).validate_json(filter_json[0]) if filter_json else CallFilter()
    order = ExportOrder("bench.Website", "Exports.Bench", calls, options)
    settings = Settings(data=Path(data), worker_interval_s=_TAKEN_UP_WITHIN_S)
    with open_registry(settings) as registry, open_worker(settings) as worker:
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            used_before_s = processor_s()
            job = _made(registry.jobs, order, int(position))
            measurements = _measurements(job) | {"processor_s": processor_s() - used_before_s}
        finally:
            worker.stop()
            thread.join()
    print(json.dumps(measurements))


def _made(jobs: ExportJobs, order: ExportOrder, position: int) -> ExportJob:
    now = datetime.now(UTC)
    job, _ = jobs.start(order, Principal(PrincipalKind.OPERATOR, "bench"), Snapshot(position, now), now)
    while job.status in LIVE_STATUSES:
        time.sleep(_LOOK_EVERY_S)
        job = jobs.get(job.id) or job
    if job.status is not ExportStatus.READY:
        raise RuntimeError(f"the export is {job.status}: {job.reason}")
    return job


def _measurements(job: ExportJob) -> dict[str, Any]:
    assert job.finished_at
    return {
        "seconds": (job.finished_at - job.created_at).total_seconds(),
        "rows": job.rows_done,
        "parts": len(job.files),
        "bytes": sum(file.size_bytes for file in job.files),
        "peak_kib": peak_memory_kib(),
    }


if __name__ == "__main__":
    main()
