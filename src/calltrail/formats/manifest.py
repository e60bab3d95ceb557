"""The manifest of an export: what was asked for, as of when, and every part with its checksum."""

from datetime import datetime, timedelta
from typing import Any

import orjson

from calltrail.domain.exports import ExportFile, ExportJob
from calltrail.formats.columns import exported_columns

MANIFEST_NAME = "manifest.json"
_VERSION = 1


def manifest(job: ExportJob, files: tuple[ExportFile, ...], made_at: datetime) -> bytes:
    """The manifest as JSON. Its keys are ours, so they are spelled as in the docs, not as in the contract."""
    options, criteria = job.order.options, job.order.filter
    return orjson.dumps(
        {
            "manifest_version": _VERSION,
            "export_id": str(job.id),
            "endpoint": job.order.endpoint_external_id,
            "api_method": job.order.method_system_name,
            "filter": {
                "since": criteria.since,
                "till": criteria.till,
                "status": criteria.status,
                "has_errors": criteria.has_errors,
                "endpoint": criteria.endpoint_external_id,
                "api_methods": criteria.method_system_names,
                "device": criteria.device,
                "text": criteria.text,
                "http_status_class": criteria.http_status_class,
                "least_duration_ms": _ms(criteria.least_duration),
                "most_duration_ms": _ms(criteria.most_duration),
            },
            "as_of": job.snapshot.as_of,
            "made_at": made_at,
            "format": options.format,
            "compression": options.compression,
            "columns": [column.name for column in exported_columns(options)],
            "rows": sum(file.rows for file in files),
            "bytes": sum(file.size_bytes for file in files),
            "cut_cells": sum(file.cut_cells for file in files),
            "parts": [_part(file) for file in files],
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
    )


def _ms(duration: timedelta | None) -> float | None:
    return None if duration is None else duration / timedelta(milliseconds=1)


def _part(file: ExportFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "rows": file.rows,
        "bytes": file.size_bytes,
        "sha256": file.sha256,
        "cut_cells": file.cut_cells,
    }
