"""An analyst's script: starts exports, polls them and downloads their files, by the contract alone."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from demo.server import DemoFailed
from demo.traffic import PlannedCall

_POLL_EVERY_S = 0.2
_READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class PlannedExport:
    """An export to ask for."""

    title: str

    method: str
    """System name of the API method that has the export step."""

    filter: Mapping[str, Any]
    """As it stands in the body of the call that starts it."""

    chooses: Callable[[PlannedCall], bool]
    """Whether the filter holds for a call, as the demo itself sees it."""


@dataclass(frozen=True, slots=True)
class DownloadedExport:
    """An export that was ready, and its files on this disk."""

    planned: PlannedExport

    result: Mapping[str, Any]
    """The `exportResult` of the last poll."""

    files: Sequence[Path]
    manifest: Mapping[str, Any]

    @property
    def link_tokens(self) -> frozenset[str]:
        """What makes its links valid; as secret as a key."""
        return frozenset(URL(url).parts[-2] for url in (*self.result["urls"], self.result["manifestUrl"]))


class Analyst:
    """Exports with the key of one endpoint into one folder."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, endpoint: str, key: str, folder: Path) -> None:
        self._session = session
        self._base_url = base_url
        self._endpoint = endpoint
        self._key = key
        self._folder = folder

    async def export(self, planned: PlannedExport) -> DownloadedExport:
        started = await self._call(planned.method, planned.filter)
        result = await self._until_ready(planned, started["exportId"])
        folder = self._folder / planned.method
        files = [await self._download(url, folder) for url in result["urls"]]
        manifest = await self._download(result["manifestUrl"], folder)
        return DownloadedExport(planned, result, files, json.loads(manifest.read_bytes()))

    async def _until_ready(self, planned: PlannedExport, export_id: str) -> Mapping[str, Any]:
        deadline = asyncio.get_running_loop().time() + _READY_WITHIN_S
        while asyncio.get_running_loop().time() < deadline:
            answer = await self._call(planned.method, {"exportId": export_id})
            result: Mapping[str, Any] = answer["exportResult"]
            if result["processingStatus"] == "Ready":
                return result
            if result["processingStatus"] == "Cancelled":
                raise DemoFailed(f"the export “{planned.title}” was cancelled: {result['cancellationReason']}")
            await asyncio.sleep(_POLL_EVERY_S)
        raise DemoFailed(f"the export “{planned.title}” was not ready within {_READY_WITHIN_S:g} s")

    async def _call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        url = URL(f"{self._base_url}/v3/operations/sync").with_query(endpointId=self._endpoint, operation=method)
        headers = {"Authorization": f"SecretKey {self._key}", "Accept": "application/json"}
        async with self._session.post(url, json=body, headers=headers) as response:
            answer: dict[str, Any] = json.loads(await response.text())
        if answer["status"] != "Success":
            raise DemoFailed(f"{method} was answered {json.dumps(answer, ensure_ascii=False)}")
        return answer

    async def _download(self, url: str, folder: Path) -> Path:
        """Fetch a file with a bare GET, as a browser or curl would."""
        async with self._session.get(URL(url, encoded=True), allow_redirects=False) as response:
            if response.status != 200:
                raise DemoFailed(
                    f"a file of {folder.name} was answered HTTP {response.status}: {await response.text()}"
                )
            content = await response.read()
        return _saved(folder, URL(url).name, content)


def _saved(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path
