"""Looks through an archive: `python -m bench.look DATA PAGES`. Prints how long that took, in milliseconds, as JSON.

Every question is another one; the first few, which load libraries and remember what files have, are not counted.
`PAGES` is how many pages of the console are asked for of each kind of window.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles

import polars as pl

from bench.calls import ENDPOINTS, METHODS
from calltrail.domain.calls import CallStatus
from calltrail.domain.filters import CallFilter
from calltrail.settings import Settings
from calltrail.stores.archive.reader import ArchiveReader
from calltrail.stores.log_pages import LogPages

_PAGE = 50
_COLUMNS = ("id", "started_at", "finished_at", "method_system_name", "endpoint_external_id", "integration_name",
            "status", "has_errors", "error_messages", "http_method", "http_status_code", "url")  # fmt: skip
"""What a table of calls shows."""

_BARS = 120
"""Of a timeline."""

_WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "all": None}

_QUESTIONS = 400
_NOT_COUNTED = 10
_NOBODY = CallFilter(method_system_names=("No such method",))
"""Asked first, so that the files have been looked into."""


def main() -> None:
    settings, pages_of_each = Settings(data=Path(sys.argv[1])), int(sys.argv[2])
    pages = LogPages(settings.journal_path, settings.archive_folder)
    archive = ArchiveReader(settings.archive_folder)
    chance = random.Random(1)
    newest = [partial(pages.newest, some, _COLUMNS, _PAGE) for some in _filters(chance, archive, _QUESTIONS)]
    shown = {
        f"page of {'all' if back is None else 'an hour' if name == 'hour' else 'a day'}": [
            partial(_show, pages, some) for some in _filters(chance, archive, pages_of_each, back)
        ]
        for name, back in _WINDOWS.items()
    }
    of_devices = [CallFilter(device=device) for device in _some(chance, archive, "device", 2)]
    questions: dict[str, Iterable[Callable[[], object]]] = {
        "newest": newest,
        **shown,
        "newest of a device": [partial(pages.newest, some, _COLUMNS, _PAGE) for some in of_devices],
        "by id": [partial(archive.find, call_id) for call_id in _some(chance, archive, "id", 20)],
    }
    first_look_ms = _ms(partial(pages.newest, _NOBODY, _COLUMNS, _PAGE))
    took = {kind: _figures([_ms(question) for question in asked]) for kind, asked in questions.items()}
    print(json.dumps({"first look": first_look_ms, **took}))
