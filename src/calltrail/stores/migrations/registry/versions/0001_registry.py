"""The first tables, the role Owners, an audit journal that is only ever added to."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(32)


def upgrade() -> None:
    create_catalog()
    create_staff()
    create_audit_journal()
    create_export_jobs()


def create_catalog() -> None:
    op.create_table("catalog_version", sa.Column("version", sa.Integer, primary_key=True, autoincrement=False))
    op.execute("INSERT INTO catalog_version (version) VALUES (0)")
    op.create_table(
        "endpoints",
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
    )
    op.create_table(
        "methods",
        sa.Column("system_name", sa.Text, primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
    )
    op.create_table(
        "endpoint_keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("endpoint_external_id", sa.Text, nullable=False, index=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
    )


def create_staff() -> None:
    op.create_table("roles", sa.Column("name", sa.Text, primary_key=True))
    op.execute("INSERT INTO roles (name) VALUES ('Owners')")
    op.create_table(
        "role_permissions",
        sa.Column("role", sa.Text, sa.ForeignKey("roles.name"), primary_key=True),
        sa.Column("permission", WORD, primary_key=True),
    )
    op.create_table(
        "staff",
        sa.Column("email", sa.Text, primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
    )
    op.create_table(
        "staff_roles",
        sa.Column("email", sa.Text, sa.ForeignKey("staff.email"), primary_key=True),
        sa.Column("role", sa.Text, sa.ForeignKey("roles.name"), primary_key=True),
    )


def create_audit_journal() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
    )
    refuse("audit_entries_stay_as_they_are", "UPDATE ON audit_entries")
    refuse("audit_entries_stay", "DELETE ON audit_entries")
    # INSERT OR REPLACE takes the old row away without asking the trigger of DELETE.
    refuse(
        "audit_entries_are_not_replaced",
        "INSERT ON audit_entries WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)",
    )


def refuse(trigger: str, change: str) -> None:
    op.execute(
        f"CREATE TRIGGER {trigger} BEFORE {change} BEGIN SELECT RAISE(ABORT, 'the audit journal is append-only'); END"
    )


def create_export_jobs() -> None:
    op.create_table(
        "export_jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("status", WORD, nullable=False, index=True),
        sa.Column("shards", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("finished_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        sa.Column("worker", sa.Text),
        sa.Column("leased_until", MOMENT),
    )
    op.create_index(
        "one_live_job_an_order",
        "export_jobs",
        ["order"],
        unique=True,
        sqlite_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "export_files",
        sa.Column("job_id", sa.Integer, sa.ForeignKey("export_jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("cut_cells", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "export_files",
        "export_jobs",
        "audit_entries",
        "staff_roles",
        "staff",
        "role_permissions",
        "roles",
        "endpoint_keys",
        "methods",
        "endpoints",
        "catalog_version",
    ):
        op.drop_table(table)
