"""The data folder: made once, brought up to date at every start."""

from calltrail.services.access.links import signing_key
from calltrail.settings import Settings


class CannotStart(Exception):
    """What a process stands on is not there: its data folder, or its address."""


def create_data_folder(settings: Settings) -> None:
    """Make an empty data folder. Raises CannotStart when there is one already."""
    if settings.registry_path.exists():
        raise CannotStart(f"{settings.data} is a data folder already")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing_key(settings.signing_key_path)
    _upgrade(settings)


def prepare_data_folder(settings: Settings) -> None:
    """Bring the databases of a data folder up to this version. Raises CannotStart when it is none."""
    require_data_folder(settings)
    _upgrade(settings)
    if settings.archive_folder.exists():
        _align(settings)


def require_data_folder(settings: Settings) -> None:
    """Raises CannotStart when it is none."""
    if not settings.registry_path.exists():
        raise CannotStart(
            f"{settings.data} is no data folder; make one with: calltrail init --data {settings.data} --owner EMAIL"
        )


def _upgrade(settings: Settings) -> None:
    from calltrail.stores.migrations import upgrade  # noqa: PLC0415 - heavy, and most commands do without

    upgrade(settings.journal_path, "journal")
    upgrade(settings.registry_path, "registry")  # last: where it is, the folder is whole


def _align(settings: Settings) -> None:
    from calltrail.stores.archive.reader import ArchiveReader  # noqa: PLC0415 - heavy, as above
    from calltrail.stores.archive.table import ArchiveTable  # noqa: PLC0415
    from calltrail.stores.journal.outgoing import align_journal  # noqa: PLC0415

    table = ArchiveTable(settings.archive_folder)
    table.mend()
    archive = ArchiveReader(settings.archive_folder)
    align_journal(settings.journal_path, table.archived_through(), archive.find)
