"""The registry's tables as the newest migration leaves them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, MetaData, Named, Table, Text, TypedColumns, text

from calltrail.domain.access import Permission, StaffTokenKind
from calltrail.domain.audit import AuditAction
from calltrail.domain.catalog import ApiMethod, IntegrationEndpoint, KeyKind
from calltrail.domain.exports import ExportOrder, ExportStatus, Shard, Snapshot
from calltrail.stores.registry.column_types import Json, Moment, word_of

metadata = MetaData()


class CatalogVersionColumns(TypedColumns):
    version: Named[int] = Column(primary_key=True, autoincrement=False)


catalog_version = Table("catalog_version", metadata, CatalogVersionColumns)
"""One row, whose number grows whenever endpoints, API methods or keys change."""


class EndpointColumns(TypedColumns):
    external_id: Named[str] = Column(Text, primary_key=True)
    definition: Named[IntegrationEndpoint] = Column(Json[IntegrationEndpoint](IntegrationEndpoint))


endpoints = Table("endpoints", metadata, EndpointColumns)


class MethodColumns(TypedColumns):
    system_name: Named[str] = Column(Text, primary_key=True)
    definition: Named[ApiMethod] = Column(Json[ApiMethod](ApiMethod))


methods = Table("methods", metadata, MethodColumns)


class EndpointKeyColumns(TypedColumns):
    id: Named[int] = Column(primary_key=True)
    endpoint_external_id: Named[str] = Column(Text, index=True)
    kind: Named[KeyKind] = Column(word_of(KeyKind))
    sha256: Named[bytes] = Column(LargeBinary)
    created_at: Named[datetime] = Column(Moment)
    revoked_at: Named[datetime | None] = Column(Moment)
    label: Named[str] = Column(Text)
    last_used_at: Named[datetime | None] = Column(Moment)


endpoint_keys = Table("endpoint_keys", metadata, EndpointKeyColumns)
"""They outlive their endpoints, so there is no foreign key."""


class RoleColumns(TypedColumns):
    name: Named[str] = Column(Text, primary_key=True)


roles = Table("roles", metadata, RoleColumns)


class RolePermissionColumns(TypedColumns):
    role: Named[str] = Column(Text, ForeignKey("roles.name"), primary_key=True)
    permission: Named[Permission] = Column(word_of(Permission), primary_key=True)


role_permissions = Table("role_permissions", metadata, RolePermissionColumns)
"""What was granted; what Owners hold by their name is not written here."""


class StaffColumns(TypedColumns):
    email: Named[str] = Column(Text, primary_key=True)
    password_hash: Named[str | None] = Column(Text)
    """None of somebody who has not accepted their invitation yet."""
    is_disabled: Named[bool]


staff = Table("staff", metadata, StaffColumns)


class StaffRoleColumns(TypedColumns):
    email: Named[str] = Column(Text, ForeignKey("staff.email"), primary_key=True)
    role: Named[str] = Column(Text, ForeignKey("roles.name"), primary_key=True)


staff_roles = Table("staff_roles", metadata, StaffRoleColumns)


class StaffTokenColumns(TypedColumns):
    id: Named[int] = Column(primary_key=True)
    email: Named[str] = Column(Text, index=True)
    kind: Named[StaffTokenKind] = Column(word_of(StaffTokenKind))
    label: Named[str] = Column(Text)
    sha256: Named[bytes] = Column(LargeBinary, unique=True, index=True)
    created_at: Named[datetime] = Column(Moment)
    expires_at: Named[datetime | None] = Column(Moment)
    last_used_at: Named[datetime | None] = Column(Moment)
    revoked_at: Named[datetime | None] = Column(Moment)


staff_tokens = Table("staff_tokens", metadata, StaffTokenColumns)
"""Sessions, API tokens and invitations, of which only the hashes are kept."""


class AuditEntryColumns(TypedColumns):
    id: Named[int] = Column(primary_key=True)
    at: Named[datetime] = Column(Moment)
    action: Named[AuditAction] = Column(word_of(AuditAction), index=True)
    principal: Named[str] = Column(Text)
    subject: Named[str] = Column(Text)
    details: Named[Mapping[str, object]] = Column(Json[Mapping[str, object]](Mapping[str, object]))


audit_entries = Table("audit_entries", metadata, AuditEntryColumns)
"""Triggers refuse every change but an insert."""


class ExportJobColumns(TypedColumns):
    id: Named[int] = Column(primary_key=True)
    order: Named[ExportOrder] = Column(Json[ExportOrder](ExportOrder))
    started_by: Named[str] = Column(Text)
    snapshot: Named[Snapshot] = Column(Json[Snapshot](Snapshot))
    created_at: Named[datetime] = Column(Moment)
    status: Named[ExportStatus] = Column(word_of(ExportStatus), index=True)
    shards: Named[tuple[Shard, ...] | None] = Column(Json[tuple[Shard, ...]](tuple[Shard, ...]))
    attempts: Named[int]
    reason: Named[str | None] = Column(Text)
    finished_at: Named[datetime | None] = Column(Moment)
    expires_at: Named[datetime | None] = Column(Moment)
    worker: Named[str | None] = Column(Text)
    """Who took it up last."""
    leased_until: Named[datetime | None] = Column(Moment)


export_jobs = Table("export_jobs", metadata, ExportJobColumns)

Index(
    "one_live_job_an_order",
    export_jobs.c.order,
    unique=True,
    sqlite_where=text("status IN ('queued', 'running')"),
)


class ExportFileColumns(TypedColumns):
    job_id: Named[int] = Column(ForeignKey("export_jobs.id"), primary_key=True)
    number: Named[int] = Column(primary_key=True)
    name: Named[str] = Column(Text)
    rows: Named[int]
    size_bytes: Named[int]
    sha256: Named[str] = Column(Text)
    cut_cells: Named[int]


export_files = Table("export_files", metadata, ExportFileColumns)


class HoldColumns(TypedColumns):
    id: Named[int] = Column(primary_key=True)
    since: Named[datetime] = Column(Moment)
    till: Named[datetime] = Column(Moment)
    reason: Named[str] = Column(Text)
    placed_by: Named[str] = Column(Text)
    placed_at: Named[datetime] = Column(Moment)
    released_by: Named[str | None] = Column(Text)
    released_at: Named[datetime | None] = Column(Moment)


holds = Table("holds", metadata, HoldColumns)
"""Legal holds, those that were released too."""
