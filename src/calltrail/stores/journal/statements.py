"""The SQL of the writing half, a constant a statement."""

from calltrail.stores.journal.rows import OUTCOME_COLUMNS, REQUEST_COLUMNS

ADVANCE = "UPDATE journal_position SET position = position + 1"
"""First in every transaction: a position is the number of a commit."""

POSITION = "SELECT position FROM journal_position"
_HERE = f"({POSITION})"


def _insert(positions: tuple[str, ...], columns: tuple[str, ...]) -> str:
    values = ", ".join([_HERE] * len(positions) + ["?"] * len(columns))
    return f"INSERT INTO calls ({', '.join(positions + columns)}) VALUES ({values})"  # noqa: S608 - constants


INSERT_OPEN = _insert(("begun_in",), ("owner", "plain_text_bytes", *REQUEST_COLUMNS))
"""A call that was begun."""

INSERT_CLOSED = _insert(("begun_in", "finished_in"), ("plain_text_bytes", *REQUEST_COLUMNS, *OUTCOME_COLUMNS))
"""A call that is written at once."""

CLOSE = (
    f"UPDATE calls SET finished_in = {_HERE}, owner = NULL, plain_text_bytes = ?, "  # noqa: S608 - constants
    f"{', '.join(f'{column} = ?' for column in OUTCOME_COLUMNS)} "
    "WHERE started_at = ? AND id = ? AND finished_in IS NULL"
)

CLAIM = (
    "INSERT INTO transactions (endpoint_external_id, client_transaction_id, call_id, started_at, is_spent) "
    "VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"
)
IS_SPENT = "SELECT is_spent FROM transactions WHERE endpoint_external_id = ? AND client_transaction_id = ?"
SPEND = (
    "UPDATE transactions SET is_spent = 1 WHERE endpoint_external_id = ? AND client_transaction_id = ? AND call_id = ?"
)
RELEASE = "DELETE FROM transactions WHERE endpoint_external_id = ? AND client_transaction_id = ? AND call_id = ?"
FORGET_SPENT = "DELETE FROM transactions WHERE is_spent AND started_at < ?"

OWNERS = "SELECT DISTINCT owner FROM calls WHERE finished_in IS NULL"
"""Reads the partial index of open calls only."""

RELEASE_OF_OWNER = (
    "DELETE FROM transactions WHERE call_id IN (SELECT id FROM calls WHERE owner = ? AND finished_in IS NULL)"
)
CLOSE_OF_OWNER = (
    f"UPDATE calls SET finished_in = {_HERE}, finished_at = max(?, started_at), status = 'failed', has_errors = 1, "  # noqa: S608 - constants
    "error_messages = ?, owner = NULL WHERE owner = ? AND finished_in IS NULL"
)

_OF_CALL = "FROM calls WHERE started_at >= ? AND started_at < ? AND id = ?"
"""An id tells its millisecond, so the index on the start time finds the call."""

CALL = f"SELECT {', '.join(REQUEST_COLUMNS + OUTCOME_COLUMNS)} {_OF_CALL}"
BEGUN_IN = f"SELECT begun_in {_OF_CALL}"
