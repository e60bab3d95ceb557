"""`make serve`: Calltrail on the demo's data, to try by hand."""

import argparse
import asyncio
import sys
from pathlib import Path

from demo import screen
from demo.folder import DEFAULT_FOLDER, occupied
from demo.run import interruptible, run_demo
from demo.server import OWNER, OWNER_PASSWORD, Calltrail, DemoFailed, free_port
from demo.traffic import WEBSITE
from demo.upstream import Upstream

_PORT = 8080
_RESERVATION_S = 20.0


async def serve(folder: Path, port: int) -> None:
    """Serve until the server ends or this is cancelled. Raises DemoFailed."""
    calltrail = Calltrail(folder)
    if not calltrail.has_data:
        await run_demo(folder)
    async with Upstream(_RESERVATION_S) as upstream:
        # The upstream has another port each time, and keys are shown only once.
        await calltrail.apply_catalog(upstream.url, upstream.nobody_url)
        await calltrail.revoke_keys(WEBSITE, "test")
        key = await calltrail.create_key(WEBSITE, "test")
        async with calltrail.serve(free_port(port)) as base_url:
            _show(base_url, key, folder)
            await calltrail.ended()
    raise DemoFailed(f"the server ended; see {folder / 'server.log'}")


def _show(base_url: str, key: str, folder: Path) -> None:
    screen.title(f"Calltrail serves {screen.shown_path(folder / 'data')} until Ctrl-C")
    screen.fact("open", f"{base_url}/sign-in")
    screen.fact("sign in", f"{OWNER}, password {OWNER_PASSWORD}")
    screen.fact("health", f"{base_url}/readyz")
    screen.fact("log", screen.shown_path(folder / "server.log"))
    screen.heading("Call an API method")
    screen.to_copy(_curl(base_url, key, "Website.CreateOrder", '{"order": {"number": 1, "customer": "Zoë 🦜"}}'))
    screen.heading("Export the log; then poll with the exportId of the answer, and open its urls")
    screen.to_copy(_curl(base_url, key, "Exports.OperationLogs", '{"resultState": "failed"}'))
    screen.to_copy(_curl(base_url, key, "Exports.OperationLogs", '{"exportId": "…"}'))


def _curl(base_url: str, key: str, method: str, body: str) -> str:
    return (
        f"curl -sS '{base_url}/v3/operations/sync?endpointId={WEBSITE}&operation={method}' \\\n"
        f"  -H 'Authorization: SecretKey {key}' -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="Made by the demo; made now when missing.")
    parser.add_argument("--port", type=int, default=_PORT, help="When it is taken, another one is used.")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.absolute()
    try:
        with occupied(folder):
            asyncio.run(interruptible(serve(folder, arguments.port)))
    except DemoFailed as error:
        screen.failed(error.problems)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.heading("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
