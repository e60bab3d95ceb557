"""Calls, claims of transaction ids, and the position of the last commit."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CALLS = """
CREATE TABLE calls (
    begun_in INTEGER NOT NULL,
    finished_in INTEGER,
    owner TEXT,
    plain_text_bytes INTEGER NOT NULL,
    id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    status TEXT,
    has_errors INTEGER,
    method_system_name TEXT NOT NULL,
    method_name TEXT,
    endpoint_external_id TEXT NOT NULL,
    integration_name TEXT,
    http_method TEXT NOT NULL,
    http_status_code INTEGER,
    device TEXT,
    client_transaction_id TEXT,
    client_address TEXT,
    request_masked TEXT,
    request_body_bytes INTEGER NOT NULL,
    request_body_encoding TEXT NOT NULL,
    request_body_decoded_from TEXT,
    request_body_truncated INTEGER NOT NULL,
    response_masked TEXT,
    response_body_bytes INTEGER,
    response_body_encoding TEXT,
    response_body_decoded_from TEXT,
    response_body_truncated INTEGER,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    error_messages TEXT,
    response_headers TEXT,
    request_body TEXT NOT NULL,
    response_body TEXT
)
"""
# Long values come last: SQLite keeps them on overflow pages, which a query for the short ones never reads.

BY_START = """
CREATE INDEX calls_by_start ON calls (
    started_at, begun_in, finished_in, status, has_errors, endpoint_external_id, method_system_name, plain_text_bytes
)
"""
# Everything that a filter asks and a plan adds up, so that planning an export reads no row.

OPEN = "CREATE INDEX calls_open ON calls (owner) WHERE finished_in IS NULL"

TRANSACTIONS = """
CREATE TABLE transactions (
    endpoint_external_id TEXT NOT NULL,
    client_transaction_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    is_spent INTEGER NOT NULL,
    PRIMARY KEY (endpoint_external_id, client_transaction_id)
) WITHOUT ROWID
"""


def upgrade() -> None:
    for statement in (CALLS, BY_START, OPEN, TRANSACTIONS):
        op.execute(statement)
    op.execute("CREATE TABLE journal_position (position INTEGER NOT NULL)")
    op.execute("INSERT INTO journal_position VALUES (0)")


def downgrade() -> None:
    for table in ("calls", "transactions", "journal_position"):
        op.execute(f"DROP TABLE {table}")
