"""Filters and columns in SQL, as of a commit of the journal."""

from datetime import timedelta
from typing import Any

from calltrail.domain.calls import CallStatus, to_micros
from calltrail.domain.filters import CallFilter
from calltrail.stores.journal.rows import OUTCOME_COLUMNS, SEARCHED_COLUMNS

_BEFORE_ALL = -(2**63)
_AFTER_ALL = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)

_AS_OF = {
    "status": "CASE WHEN finished_in <= :position THEN status ELSE 'processing' END",
    "has_errors": "CASE WHEN finished_in <= :position THEN has_errors ELSE 0 END",
}
"""What a column of the second half shows of a call that was open at the snapshot; NULL where it isn't named here."""


def shown(column: str) -> str:
    """A column in SQL, as of the commit `:position`."""
    if column in _AS_OF:
        return _AS_OF[column]
    return f"CASE WHEN finished_in <= :position THEN {column} END" if column in OUTCOME_COLUMNS else column


def condition(position: int, filter: CallFilter, archived: int) -> tuple[str, dict[str, Any]]:
    """The filter in SQL as of that commit, without calls that were final by the commit `archived`, and its values.

    It means what `CallFilter.matches` means.
    """
    values: dict[str, Any] = {
        "position": position,
        "archived": archived,
        "since": to_micros(filter.since) if filter.since else _BEFORE_ALL,
        "till": to_micros(filter.till) if filter.till else _AFTER_ALL,
    }
    terms = ["started_at >= :since", "started_at < :till", "begun_in <= :position"]
    terms.append("(finished_in IS NULL OR finished_in > :archived)")
    is_open = "(finished_in IS NULL OR finished_in > :position)"
    if filter.status is CallStatus.PROCESSING:
        terms.append(is_open)
    elif filter.status:
        terms.append("finished_in <= :position AND status = :status")
        values["status"] = filter.status.value
    if filter.has_errors is not None:
        terms.append(
            "finished_in <= :position AND has_errors" if filter.has_errors else f"({is_open} OR NOT has_errors)"
        )
    if filter.endpoint_external_id is not None:
        terms.append("endpoint_external_id = :endpoint")
        values["endpoint"] = filter.endpoint_external_id
    if filter.method_system_names:
        names = {f"method_{number}": name for number, name in enumerate(filter.method_system_names)}
        terms.append(f"method_system_name IN ({', '.join(f':{key}' for key in names)})")
        values |= names
    if filter.device is not None:
        terms.append("device = :device")
        values["device"] = filter.device
    if filter.text is not None:
        terms.append(f"({' OR '.join(f'instr({shown(column)}, :text)' for column in SEARCHED_COLUMNS)})")
        values["text"] = filter.text
    of_answers, more_values = _of_answers(filter)
    return " AND ".join(terms + of_answers), values | more_values


def _of_answers(filter: CallFilter) -> tuple[list[str], dict[str, Any]]:
    """Terms that no open call meets, and their values."""
    terms, values = [], {}
    if filter.http_status_class is not None:
        terms.append("http_status_code / 100 = :http_status_class")
        values["http_status_class"] = filter.http_status_class
    if filter.least_duration is not None:
        terms.append("finished_at - started_at >= :least_duration")
        values["least_duration"] = filter.least_duration // _MICROSECOND
    if filter.most_duration is not None:
        terms.append("finished_at - started_at <= :most_duration")
        values["most_duration"] = filter.most_duration // _MICROSECOND
    return ["finished_in <= :position", *terms] if terms else [], values
