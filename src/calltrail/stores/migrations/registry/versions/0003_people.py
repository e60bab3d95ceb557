"""People who are invited or disabled, their sessions and tokens; labels and last uses of keys; audit by action."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(32)


def upgrade() -> None:
    with op.batch_alter_table("staff") as staff:
        staff.alter_column("password_hash", existing_type=sa.Text, nullable=True)
        staff.add_column(sa.Column("is_disabled", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "staff_tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.Text, nullable=False, index=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
    )
    op.create_index("ix_staff_tokens_sha256", "staff_tokens", ["sha256"], unique=True)
    op.add_column("endpoint_keys", sa.Column("label", sa.Text, nullable=False, server_default=""))
    op.add_column("endpoint_keys", sa.Column("last_used_at", MOMENT))
    op.create_index("ix_audit_entries_action", "audit_entries", ["action"])


def downgrade() -> None:
    op.drop_index("ix_audit_entries_action", "audit_entries")
    op.drop_column("endpoint_keys", "last_used_at")
    op.drop_column("endpoint_keys", "label")
    op.drop_table("staff_tokens")
    # Whoever can't sign in now could, if they stayed.
    op.execute("DELETE FROM staff WHERE is_disabled OR password_hash IS NULL")
    op.execute("DELETE FROM staff_roles WHERE email NOT IN (SELECT email FROM staff)")
    with op.batch_alter_table("staff") as staff:
        staff.drop_column("is_disabled")
        staff.alter_column("password_hash", existing_type=sa.Text, nullable=False)
