"""The HTTP server of one process that receives calls."""

import gc
import os
import signal
import socket
import threading
from types import FrameType

import structlog
import uvicorn

from calltrail.bootstrap.receiver import open_http_application
from calltrail.settings import Settings

_log = structlog.get_logger()

_KEEP_ALIVE_S = 75
_LAST_SECONDS_S = 3.0


def receive_calls(settings: Settings, listener: socket.socket) -> None:
    """Receive calls in this process until told to stop."""
    with open_http_application(settings) as app:
        server = _Server(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,  # ours is in the record
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=settings.stop_timeout_s,
            )
        )
        # The server raises the signal that ended it once more, for whoever stood here before.
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda _signal, _frame: None)
        # What exists now lives as long as the process, and a call makes no cycles: looking for garbage less often
        # saves a tenth of the work of a call.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends in time even when something that it waits for does not, such as a thread of a handler."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            limit_s = (self.config.timeout_graceful_shutdown or 0) * 2 + _LAST_SECONDS_S
            threading.Thread(target=self._end_at_last, args=(limit_s,), name="last-resort", daemon=True).start()
        super().handle_exit(sig, frame)

    def _end_at_last(self, limit_s: float) -> None:
        threading.Event().wait(limit_s)
        _log.error("stop-timed-out", after_s=limit_s)
        os._exit(1)
