"""Processes: some that receive calls, one that makes exports, one that archives; none outlives its parent."""

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

from calltrail.bootstrap.folder import CannotStart, prepare_data_folder
from calltrail.settings import Settings

_log = structlog.get_logger()

# Values of local variables may be secret.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))

_SPAWN = multiprocessing.get_context("spawn")
_RESTART_PAUSE_S = 1.0
_BACKLOG = 2048
_ARCHIVER_NICENESS = 10
"""Where processors are short, calls come first. Flat out on two, what they left was enough to archive 99 % of them."""


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
    children.add("archiver", _archive, settings)
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


# What a process runs is imported in it, so that it loads nothing that only the others need.


def _receive_calls(settings: Settings, listener: socket.socket) -> None:
    from calltrail.http_server import receive_calls  # noqa: PLC0415

    receive_calls(settings, listener)


def _make_exports(settings: Settings) -> None:
    from calltrail.bootstrap.exporter import open_worker  # noqa: PLC0415

    with open_worker(settings) as worker:

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        worker.run()


def _archive(settings: Settings) -> None:
    from calltrail.bootstrap.archiver import open_archiver  # noqa: PLC0415

    os.nice(_ARCHIVER_NICENESS)
    is_over = threading.Event()
    with open_archiver(settings) as archiver:

        def stop(_signal: int, _frame: FrameType | None) -> None:
            archiver.is_stopping.set()
            is_over.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        is_over.wait()


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
