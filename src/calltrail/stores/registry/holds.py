"""Legal holds in the registry."""

from datetime import datetime

from sqlalchemy import insert, select, update

from calltrail.domain.keeping import Hold
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import holds

_HOLDS = select(
    holds.c.id,
    holds.c.since,
    holds.c.till,
    holds.c.reason,
    holds.c.placed_by,
    holds.c.placed_at,
    holds.c.released_by,
    holds.c.released_at,
).order_by(holds.c.id)
_IS_LIVE = holds.c.released_at.is_(None)


class RegistryHoldStore:
    """A HoldStore in the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def place(self, since: datetime, till: datetime, reason: str, placed_by: str, now: datetime) -> Hold:
        values = {"since": since, "till": till, "reason": reason, "placed_by": placed_by, "placed_at": now}
        with self._registry.writing() as connection:
            hold_id = connection.execute(insert(holds).values(values).returning(holds.c.id)).scalar_one()
        return Hold(hold_id, since, till, reason, placed_by, now)

    def release(self, hold_id: int, released_by: str, now: datetime) -> Hold | None:
        this_hold = holds.c.id == hold_id
        with self._registry.writing() as connection:
            connection.execute(
                update(holds).where(this_hold, _IS_LIVE).values(released_by=released_by, released_at=now)
            )
            row = connection.execute(_HOLDS.where(this_hold)).one_or_none()
            return None if row is None else Hold(*row)

    def all(self) -> tuple[Hold, ...]:
        with self._registry.reading() as connection:
            return tuple(Hold(*row) for row in connection.execute(_HOLDS))

    def live(self) -> tuple[Hold, ...]:
        with self._registry.reading() as connection:
            return tuple(Hold(*row) for row in connection.execute(_HOLDS.where(_IS_LIVE)))
