"""When keys of endpoints were last used: remembered at every call, written down now and then."""

from datetime import datetime
from threading import Lock

from calltrail.services.ports import CatalogStore


class KeyUses:
    """The uses of one process; a call waits for no write. What was not written when a process is killed is lost."""

    def __init__(self, catalog: CatalogStore) -> None:
        self._catalog = catalog
        self._lock = Lock()
        self._uses: dict[int, datetime] = {}
        """By the key's id, since the last writing."""

    def note(self, key_id: int, at: datetime) -> None:
        with self._lock:
            self._uses[key_id] = at

    def write(self) -> None:
        """Write down what was noted since the last time. When that fails, it is written the next time."""
        with self._lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            self._catalog.note_key_uses(uses)
        except BaseException:
            with self._lock:
                self._uses = uses | self._uses
            raise
