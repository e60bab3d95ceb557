"""An index that finds final calls in the order in which they became so, for the archiver."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX calls_final ON calls (finished_in, finished_at, plain_text_bytes) WHERE finished_in IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX calls_final")
