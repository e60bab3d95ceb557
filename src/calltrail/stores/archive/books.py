"""What the table says of itself: numbers that stand in its log, in the same commit as what they tell of."""

from collections.abc import Sequence
from dataclasses import dataclass

import deltalake
from deltalake.transaction import Transaction

_THROUGH = "calltrail-journal"
_ARCHIVED = "calltrail-archived"
_REMOVED = "calltrail-removed"


@dataclass(frozen=True, slots=True)
class Books:
    """Kept as versions of Delta's application transactions, the only numbers of ours that a commit can carry."""

    through: int = 0
    """The last commit of the journal whose final calls have all been here; 0 before any."""

    archived: int = 0
    """Calls that ever came here."""

    removed: int = 0
    """Calls that were taken away again, by retention or erasure."""

    @property
    def calls(self) -> int:
        """As many as the table must hold."""
        return self.archived - self.removed

    @classmethod
    def of(cls, table: deltalake.DeltaTable) -> "Books":
        """As they stand in this version of the table."""
        return cls(*(table.transaction_version(name) or 0 for name in (_THROUGH, _ARCHIVED, _REMOVED)))

    def entries(self) -> Sequence[Transaction]:
        """What a commit writes so that they stand in it."""
        return [Transaction(_THROUGH, self.through), Transaction(_ARCHIVED, self.archived),
                Transaction(_REMOVED, self.removed)]  # fmt: skip
