"""Processes: one or more that receive calls, one that makes exports, none that outlives its parent."""

import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

import structlog
import uvicorn

from calltrail.bootstrap.exporter import open_worker
from calltrail.bootstrap.folder import CannotStart, prepare_data_folder
from calltrail.bootstrap.receiver import open_http_application
from calltrail.settings import Settings

_log = structlog.get_logger()

# Values of local variables may be secret.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))

_SPAWN = multiprocessing.get_context("spawn")
_RESTART_PAUSE_S = 1.0
_KEEP_ALIVE_S = 75
_LAST_SECONDS_S = 3.0
_BACKLOG = 2048


def serve(settings: Settings, host: str, port: int, processes: int, *, with_export_worker: bool) -> None:
    """Receive calls, in this process and `processes - 1` further ones, until told to stop."""
    _log_to_stderr()
    prepare_data_folder(settings)
    listener = _listen(host, port)
    children = _Children()
    for number in range(2, processes + 1):
        children.add(f"receiver-{number}", _receive_calls, settings, listener)
    if with_export_worker:
        children.add("export-worker", _make_exports, settings)
    children.start()
    _log.info("listening", url=f"http://{_authority(host, listener)}", data=str(settings.data), processes=processes)
    try:
        _receive_calls(settings, listener)
    finally:
        children.stop(settings.stop_timeout_s)
        _log.info("stopped")


def work(settings: Settings) -> None:
    """Make exports in this process until told to stop."""
    _log_to_stderr()
    prepare_data_folder(settings)
    _make_exports(settings)


def _receive_calls(settings: Settings, listener: socket.socket) -> None:
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


def _make_exports(settings: Settings) -> None:
    with open_worker(settings) as worker:

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        worker.run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CannotStart(f"can't listen on {host} port {port}: {error.strerror}") from None


def _authority(host: str, listener: socket.socket) -> str:
    return f"[{host}]:{listener.getsockname()[1]}" if ":" in host else f"{host}:{listener.getsockname()[1]}"


@dataclass(slots=True)
class _Child:
    name: str
    main: Callable[..., None]
    arguments: tuple[object, ...]
    process: SpawnProcess | None = None

    def start(self) -> None:
        self.process = _SPAWN.Process(target=_child_main, args=(self.main, *self.arguments), name=self.name)
        self.process.start()


class _Children:
    """Further processes. One that dies is started again; all die with this process, however it ends."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._is_stopping = threading.Event()
        self._minder = threading.Thread(target=self._mind, name="children", daemon=True)

    def add(self, name: str, main: Callable[..., None], *arguments: object) -> None:
        self._children.append(_Child(name, main, arguments))

    def start(self) -> None:
        for child in self._children:
            child.start()
        self._minder.start()

    def stop(self, timeout_s: float) -> None:
        """Ask all to stop, and kill those that have not within the time."""
        self._is_stopping.set()
        self._minder.join()
        processes = [child.process for child in self._children if child.process]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout_s)
            if process.is_alive():
                process.kill()
                process.join()

    def _mind(self) -> None:
        while not self._is_stopping.wait(_RESTART_PAUSE_S):
            for child in self._children:
                if child.process and not child.process.is_alive():
                    _log.error("child-died", child=child.name, exit_code=child.process.exitcode)
                    child.start()


def _child_main(main: Callable[..., None], *arguments: object) -> None:
    _log_to_stderr()
    threading.Thread(target=_die_with_parent, name="parent", daemon=True).start()
    main(*arguments)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _traceback,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
