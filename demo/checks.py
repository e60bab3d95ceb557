"""What the demo promises, checked against its own tally; each check gives a sentence for each thing that differs."""

import base64
import csv
import gzip
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

from lxml import etree

from demo.analyst import DownloadedExport
from demo.partner import AnsweredCall
from demo.traffic import Story

csv.field_size_limit(sys.maxsize)

Row = Mapping[str, str]
"""An exported call: the text of each column."""


def wrong_answers(answered: Iterable[AnsweredCall]) -> Iterator[str]:
    for call in answered:
        planned = call.planned
        if (call.http_status_code, call.status) != (planned.http_status_code, planned.status):
            yield (
                f"{planned.method} ({planned.story.title}) was answered {call.http_status_code} {call.status}"
                f" instead of {planned.http_status_code} {planned.status}: {call.body[:300]!r}"
            )


def damaged_files(export: DownloadedExport) -> Iterator[str]:
    """Sizes, checksums and counts, as the last poll and the manifest tell them."""
    if len(export.files) != len(export.result["files"]) or len(export.files) != len(export.manifest["parts"]):
        yield f"“{export.planned.title}” has {len(export.files)} files, and its answer or manifest tells otherwise"
        return
    for path, told, listed in zip(export.files, export.result["files"], export.manifest["parts"], strict=True):
        content = path.read_bytes()
        found = {
            "name": path.name,
            "rows": len(read_rows(path)),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for source, facts in (("the answer", told), ("the manifest", listed)):
            for fact, value in found.items():
                if facts[fact] != value:
                    yield f"{path.name}: {fact} is {value}, and {source} tells {facts[fact]}"


def wrong_rows(export: DownloadedExport, answered: Iterable[AnsweredCall]) -> Iterator[str]:
    """The rows must be those of the chosen calls, each once, in order, every cell as it was sent and answered."""
    rows = [row for path in export.files for row in read_rows(path)]
    expected = {call.id: call for call in answered if export.planned.chooses(call.planned)}
    found = Counter(row["OperationLogTransactionId"] for row in rows)
    for call_id in found.keys() ^ expected.keys():
        yield f"“{export.planned.title}” {'has' if call_id in found else 'lacks'} the call {call_id}"
    for call_id, times in found.items():
        if times > 1:
            yield f"“{export.planned.title}” has the call {call_id} {times} times"
    for row, following in pairwise(rows):
        if row["OperationLogStartDateTimeUtc"] > following["OperationLogStartDateTimeUtc"]:
            yield f"“{export.planned.title}” is out of order at the call {following['OperationLogTransactionId']}"
    for row in rows:
        if call := expected.get(row["OperationLogTransactionId"]):
            yield from _wrong_cells(row, call)


def _wrong_cells(row: Row, call: AnsweredCall) -> Iterator[str]:
    for name, value in _expected_cells(call).items():
        if row[f"OperationLog{name}"] != value:
            found = row[f"OperationLog{name}"]
            yield f"{call.planned.method} {call.id}: {name} is {found[:200]!r} instead of {value[:200]!r}"


def _expected_cells(call: AnsweredCall) -> Mapping[str, str]:
    planned = call.planned
    is_open = planned.story is Story.STILL_PROCESSING
    cells = {
        "OperationSystemName": planned.method,
        "EndpointExternalId": planned.endpoint,
        "Device": planned.parameters.get("deviceUUID", ""),
        "Status": planned.story.log_status,
        "HasErrors": str(planned.story.has_errors).lower(),
        "HttpMethod": "POST",
        "HTTPStatusCode": "" if is_open else str(call.http_status_code),
    }
    cells["RequestBody"] = _as_logged(planned.plain_body, planned.secrets)
    cells["ResponseBody"] = "" if is_open else _as_logged(call.body, planned.secrets)
    return cells


def _as_logged(body: bytes, secrets: Iterable[str]) -> str:
    """As it is, but for three asterisks in the place of each secret; in base64 when it is no text."""
    for secret in secrets:
        body = body.replace(secret.encode(), b"***")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def leaks(secrets: Iterable[str], folder: Path) -> Iterator[str]:
    """Secrets in the files of a folder, also in compressed ones, and in those that are open in the server."""
    wanted = [secret.encode() for secret in secrets]
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = _plain(path)
        for secret in wanted:
            if secret in content:
                yield f"{path} holds the secret {secret.decode()}"


def read_rows(path: Path) -> Sequence[Row]:
    """The rows of a part, whatever its format."""
    text = _plain(path).decode("utf-8-sig")
    return _READERS[path.name.removesuffix(".gz").rpartition(".")[2]](text)


def _plain(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _csv_rows(text: str) -> list[Row]:
    return list(csv.DictReader(StringIO(text, newline=""), delimiter=";", strict=True))


def _json_rows(text: str) -> list[Row]:
    return [_texts(row) for row in json.loads(text)["operationLogs"]]


def _ndjson_rows(text: str) -> list[Row]:
    return [_texts(json.loads(line)) for line in text.split("\n") if line]


def _xml_rows(text: str) -> list[Row]:
    root = etree.fromstring(text.encode())
    # What is null has no element.
    return [defaultdict(str, {cell.tag: cell.text or "" for cell in row}) for row in root.iter("operationLog")]


def _texts(row: Mapping[str, object]) -> Row:
    """JSON's values, as CSV and XML write them."""
    return {name: _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


_READERS: Mapping[str, Callable[[str], list[Row]]] = {
    "csv": _csv_rows,
    "ndjson": _ndjson_rows,
    "json": _json_rows,
    "xml": _xml_rows,
}
