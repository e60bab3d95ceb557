"""What the console shows of the system's state."""

import shutil
from collections.abc import Callable
from importlib.metadata import version as version_of
from platform import python_version

import anyio.from_thread

from calltrail import __version__
from calltrail.console.system import LivingProcess, SystemState
from calltrail.services.ports import CallLog, LogUnavailable
from calltrail.settings import Settings
from calltrail.stores.liveness import living

_LIBRARIES = ("deltalake", "polars", "pyarrow", "sqlalchemy", "starlette", "uvicorn")


def system_state(settings: Settings, log: CallLog) -> Callable[[], SystemState]:
    """A reading of the data folder. To be asked in a thread of the event loop's; reads no call."""

    def state() -> SystemState:
        # Heavy, and only for who looks.
        from calltrail.stores.archive.table import ArchiveTable  # noqa: PLC0415
        from calltrail.stores.inventory import take_inventory  # noqa: PLC0415

        inventory = take_inventory(settings.journal_path, ArchiveTable(settings.archive_folder))
        disk = shutil.disk_usage(settings.data)
        return SystemState(
            version=__version__,
            trouble=_trouble(log),
            journal_bytes=inventory.journal_bytes,
            processing_calls=inventory.processing_calls,
            waiting_calls=inventory.waiting_calls,
            oldest_waiting=inventory.oldest_waiting,
            archive_version=inventory.version,
            archived_calls=inventory.archived_calls,
            archived_bytes=inventory.archived_bytes,
            files=inventory.files,
            small_files=inventory.small_files,
            unused_files=inventory.unused_files,
            first_day=inventory.first_day,
            last_day=inventory.last_day,
            disk_bytes=disk.total,
            disk_free_bytes=disk.free,
            processes=[LivingProcess(each.kind, each.pid, each.started_at) for each in living(settings.run_folder)],
            settings=settings.described(),
            libraries={"Python": python_version(), **{name: version_of(name) for name in _LIBRARIES}},
        )

    return state


def _trouble(log: CallLog) -> str | None:
    try:
        anyio.from_thread.run(log.probe)
    except LogUnavailable as error:
        return str(error)
    return None
