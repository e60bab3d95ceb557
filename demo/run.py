"""`make demo`: calls recorded and exported, end to end, and everything checked that was promised."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from demo import checks, screen
from demo.analyst import Analyst, DownloadedExport, PlannedExport
from demo.folder import DEFAULT_FOLDER, occupied, wipe
from demo.partner import AnsweredCall, Partner
from demo.server import Calltrail, DemoFailed, free_port
from demo.traffic import ENDPOINTS, WEBSITE, Story, Traffic
from demo.upstream import Upstream

_SHOWN_ROWS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: the demo's own tally, and the exports to hold against it."""

    answered: Sequence[AnsweredCall]
    exports: Sequence[DownloadedExport]
    secrets: frozenset[str]


async def run_demo(folder: Path) -> None:
    """Leaves a data folder, the exported files and the server's log in `folder`. Raises DemoFailed."""
    wipe(folder)
    calltrail = Calltrail(folder)
    screen.title("Calltrail demo")
    async with Upstream() as upstream:
        keys = await _set_up(calltrail, upstream, folder)
        started = time.monotonic()
        async with calltrail.serve(free_port()) as base_url:
            screen.done("server", f"{base_url}, ready in {time.monotonic() - started:.1f} s")
            outcome = await _call_and_export(base_url, upstream, Traffic(keys), keys[WEBSITE], folder)
    _check(outcome, folder)
    _show(outcome, folder)


async def _set_up(calltrail: Calltrail, upstream: Upstream, folder: Path) -> Mapping[str, str]:
    """A data folder with the catalog and a key for each endpoint; the keys."""
    with screen.working("creates a data folder, applies the catalog, makes keys"):
        await calltrail.init()
        await calltrail.apply_catalog(upstream.url, upstream.nobody_url)
        keys = dict(zip(ENDPOINTS, await asyncio.gather(*map(calltrail.create_key, ENDPOINTS)), strict=True))
    screen.done("catalog", f"applied {screen.shown_path(folder / 'catalog.toml')}, made {len(keys)} keys")
    screen.done("upstream", f"{upstream.url}, which the forwarding steps call")
    return keys


async def _call_and_export(base_url: str, upstream: Upstream, traffic: Traffic, key: str, folder: Path) -> Outcome:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as partner_session,
        aiohttp.ClientSession() as analyst_session,
    ):
        partner = Partner(partner_session, base_url)
        since = datetime.now(UTC)
        slow_call = asyncio.create_task(partner.send(traffic.slow_call))
        try:
            await upstream.reservation_arrived()
            answered = await _send(partner, traffic)
            window = {"sinceDateTimeUtc": _wire_time(since), "tillDateTimeUtc": _wire_time(datetime.now(UTC))}
            analyst = Analyst(analyst_session, base_url, WEBSITE, key, folder / "files")
            exports = await asyncio.gather(*(analyst.export(each) for each in _planned_exports(window)))
            upstream.release_reservations()
            answered.append(await slow_call)
        finally:
            upstream.release_reservations()
            slow_call.cancel()
    return Outcome(answered, exports, traffic.secrets.union(*(export.link_tokens for export in exports)))


async def _send(partner: Partner, traffic: Traffic) -> list[AnsweredCall]:
    """Send the traffic. The second wave outlasts the steps of the async calls in the first, by its time-outs."""
    started = time.monotonic()
    calls = len(traffic.first_wave) + len(traffic.second_wave)
    with screen.progress(calls) as advance:
        answered = await partner.send_all(traffic.first_wave, advance)
        answered += await partner.send_all(traffic.second_wave, advance)
    screen.done(
        "calls", f"{calls} sent and answered in {time.monotonic() - started:.1f} s, one more is still processing"
    )
    return answered


def _planned_exports(window: Mapping[str, str]) -> Iterable[PlannedExport]:
    """What filters on the wire choose, and the same as the demo's own tally sees it."""
    yield PlannedExport("every call", "Exports.OperationLogs", window, lambda _: True)
    yield PlannedExport(
        "failed calls of the web shop",
        "Exports.OperationLogsForScripts",
        {**window, "resultState": "failed", "endpoint": {"ids": {"externalId": WEBSITE}}},
        lambda call: call.story.log_status == "failed" and call.endpoint == WEBSITE,
    )
    methods = ("Website.CreateOrder", "Website.RegisterCustomer")
    yield PlannedExport(
        "orders and customers with errors",
        "Exports.OperationLogsInFull",
        {**window, "hasErrors": "true", "operations": [{"ids": {"systemName": method}} for method in methods]},
        lambda call: call.story.has_errors and call.method in methods,
    )
    yield PlannedExport(
        "calls that are still processing",
        "Exports.OperationLogsAsXml",
        {**window, "resultState": "processing"},
        lambda call: call.story is Story.STILL_PROCESSING,
    )


def _wire_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _check(outcome: Outcome, folder: Path) -> None:
    """Hold the files against the tally. Raises DemoFailed with everything that differs."""
    problems = list(checks.wrong_answers(outcome.answered))
    for export in outcome.exports:
        problems += checks.damaged_files(export)
        problems += checks.wrong_rows(export, outcome.answered)
    problems += checks.leaks(outcome.secrets, folder)
    if problems:
        raise DemoFailed(*problems)


def _show(outcome: Outcome, folder: Path) -> None:
    everything = outcome.exports[0]
    files = sum(len(export.files) for export in outcome.exports)
    screen.done("exports", f"{len(outcome.exports)} started, polled and downloaded: {files} files")
    screen.done("rows", "every call once, with the status, the errors and the bodies that were sent and answered")
    screen.done("checksums", "sizes, row counts and sha256 of all files agree with the answers and the manifests")
    screen.done(
        "secrets", f"none of the {len(outcome.secrets)} that were sent is in any file of {screen.shown_path(folder)}"
    )
    screen.heading("What was called")
    screen.stories(outcome.answered)
    screen.heading(f"What was exported, to {screen.shown_path(folder / 'files')}")
    screen.exports(outcome.exports)
    screen.heading(f"The first rows of {screen.shown_path(everything.files[0])}")
    screen.first_rows(checks.read_rows(everything.files[0])[:_SHOWN_ROWS])
    screen.heading("Next: `make serve` starts Calltrail on these data, and says what to open.\n")


async def interruptible(work: Awaitable[None]) -> None:
    """Let SIGTERM end the work as Ctrl-C does: with every server stopped."""
    task: asyncio.Task[Any] | None = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await work


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="Wiped, then filled.")
    folder: Path = parser.parse_args().folder.absolute()
    try:
        with occupied(folder):
            asyncio.run(interruptible(run_demo(folder)))
    except DemoFailed as error:
        screen.failed(error.problems)
    except (aiohttp.ClientError, TimeoutError) as error:
        screen.failed([f"the server went away: {error!r}; see {folder / 'server.log'}"])
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.failed(["interrupted"])
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
