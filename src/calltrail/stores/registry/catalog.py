"""Endpoints, API methods and keys in the registry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import monotonic

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from calltrail.domain.catalog import Catalog, EndpointKey, KeyKind
from calltrail.stores.registry.column_types import Moment
from calltrail.stores.registry.database import Registry
from calltrail.stores.registry.tables import catalog_version, endpoint_keys, endpoints, methods

_KEYS = select(
    endpoint_keys.c.id,
    endpoint_keys.c.endpoint_external_id,
    endpoint_keys.c.kind,
    endpoint_keys.c.sha256,
    endpoint_keys.c.created_at,
    endpoint_keys.c.revoked_at,
    endpoint_keys.c.label,
    endpoint_keys.c.last_used_at,
).order_by(endpoint_keys.c.id)
_IS_LIVE = endpoint_keys.c.revoked_at.is_(None)
_USED_AT = bindparam("at", type_=Moment())
_NOTE_USE = (
    update(endpoint_keys)
    .where(endpoint_keys.c.id == bindparam("key_id"))
    .where(or_(endpoint_keys.c.last_used_at.is_(None), endpoint_keys.c.last_used_at < _USED_AT))
    .values(last_used_at=_USED_AT)
)


@dataclass(frozen=True, slots=True)
class _Edition:
    """All that calls ask for, as of one version."""

    version: int
    catalog: Catalog
    live_keys: Mapping[str, tuple[EndpointKey, ...]]
    """By the external id of their endpoint."""


class RegistryCatalogStore:
    """A CatalogStore that reads the database only after somebody wrote to it.

    It looks whether somebody did at most once in `recheck_s`: so long another process's change may go unseen.
    """

    def __init__(self, registry: Registry, recheck_s: float = 0.0) -> None:
        self._registry = registry
        self._recheck_s = recheck_s
        self._is_current_until_s = 0.0
        self._lock = Lock()
        self._edition: _Edition | None = None
        self._commit_mark: int | None = None

    def current(self) -> Catalog:
        return self._latest().catalog

    def live_keys(self, endpoint_external_id: str) -> tuple[EndpointKey, ...]:
        return self._latest().live_keys.get(endpoint_external_id, ())

    def save(self, catalog: Catalog, instead_of: Catalog | None = None) -> bool:
        with self._changing() as connection:
            if instead_of is not None and _read_catalog(connection) != instead_of:
                return False
            connection.execute(delete(endpoints))
            connection.execute(delete(methods))
            for endpoint in catalog.endpoints.values():
                connection.execute(insert(endpoints).values(external_id=endpoint.external_id, definition=endpoint))
            for method in catalog.methods.values():
                connection.execute(insert(methods).values(system_name=method.system_name, definition=method))
            _revoke_keys_without_endpoint(connection, datetime.now(UTC))
            return True

    def add_key(
        self, endpoint_external_id: str, kind: KeyKind, sha256: bytes, now: datetime, label: str = ""
    ) -> EndpointKey:
        values = {"kind": kind, "sha256": sha256, "created_at": now, "label": label}
        new = insert(endpoint_keys).values(endpoint_external_id=endpoint_external_id, **values)
        with self._changing() as connection:
            known = select(endpoints.c.external_id).where(endpoints.c.external_id == endpoint_external_id)
            if connection.scalar(known) is None:
                raise LookupError(f"There is no endpoint {endpoint_external_id!r}.")
            key_id = connection.execute(new.returning(endpoint_keys.c.id)).scalar_one()
            return EndpointKey(key_id, endpoint_external_id, kind, sha256, now, label=label)

    def keys(self, endpoint_external_id: str) -> tuple[EndpointKey, ...]:
        of_endpoint = endpoint_keys.c.endpoint_external_id == endpoint_external_id
        with self._registry.reading() as connection:
            return tuple(EndpointKey(*row) for row in connection.execute(_KEYS.where(of_endpoint)))

    def revoke_key(self, key_id: int, now: datetime) -> EndpointKey | None:
        this_key = endpoint_keys.c.id == key_id
        with self._changing() as connection:
            connection.execute(update(endpoint_keys).where(this_key, _IS_LIVE).values(revoked_at=now))
            row = connection.execute(_KEYS.where(this_key)).one_or_none()
            return None if row is None else EndpointKey(*row)

    def note_key_uses(self, uses: Mapping[int, datetime]) -> None:
        if uses:
            rows = [{"key_id": key_id, "at": at} for key_id, at in uses.items()]
            with self._registry.writing() as connection:  # not `_changing`: nobody needs to read the catalog anew
                connection.execute(_NOTE_USE, rows)

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        """A transaction after which every process reads anew."""
        with self._registry.writing() as connection:
            yield connection
            connection.execute(update(catalog_version).values(version=catalog_version.c.version + 1))
        self._is_current_until_s = 0.0

    def _latest(self) -> _Edition:
        if self._edition is not None and monotonic() < self._is_current_until_s:
            return self._edition
        with self._lock:
            self._is_current_until_s = monotonic() + self._recheck_s
            # The mark is taken before the reading: a commit between the two is looked for once more at the next call.
            commit_mark = self._registry.commit_mark()
            if self._edition is None or commit_mark != self._commit_mark:
                self._edition = self._reread(self._edition)
                self._commit_mark = commit_mark
            return self._edition

    def _reread(self, known: _Edition | None) -> _Edition:
        with self._registry.reading() as connection:
            version = connection.execute(select(catalog_version.c.version)).scalar_one()
            if known is not None and known.version == version:
                return known
            return _Edition(version, _read_catalog(connection), _read_live_keys(connection))


def _read_catalog(connection: Connection) -> Catalog:
    endpoint_list = connection.scalars(select(endpoints.c.definition).order_by(endpoints.c.external_id))
    method_list = connection.scalars(select(methods.c.definition).order_by(methods.c.system_name))
    return Catalog(
        {endpoint.external_id: endpoint for endpoint in endpoint_list},
        {method.system_name: method for method in method_list},
    )


def _read_live_keys(connection: Connection) -> Mapping[str, tuple[EndpointKey, ...]]:
    keys: dict[str, tuple[EndpointKey, ...]] = {}
    for row in connection.execute(_KEYS.where(_IS_LIVE)):
        key = EndpointKey(*row)
        keys[key.endpoint_external_id] = (*keys.get(key.endpoint_external_id, ()), key)
    return keys


def _revoke_keys_without_endpoint(connection: Connection, now: datetime) -> None:
    gone = endpoint_keys.c.endpoint_external_id.not_in(select(endpoints.c.external_id))
    connection.execute(update(endpoint_keys).where(gone, _IS_LIVE).values(revoked_at=now))
