"""What permissions and fields are called, and how a person stands."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from calltrail.console.catalog.problems import FormProblem
from calltrail.domain.access import Permission, StaffMember
from calltrail.domain.problems import Problem

PERMISSION_WORDS: Mapping[Permission, str] = MappingProxyType(
    {
        Permission.CALLS_VIEW: "Look at calls.",
        Permission.INTEGRATION_LOGS_EXPORT: "Read exported logs, and give an API method an export step.",
        Permission.CATALOG_EDIT: "Change endpoints, API methods and keys.",
        Permission.STAFF_EDIT: "Change people and roles, and so come to hold everything else.",
        Permission.AUDIT_VIEW: "Look at the audit journal and the state of the system.",
    }
)
"""What each permits, in the order of the pages."""

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "email": "E-mail address",
        "roles": "Roles",
        "name": "Name of the new role",
        "old": "Old password",
        "new": "New password",
        "again": "New password again",
        "label": "What it is for",
        "days": "Good for",
    }
)
"""Of fields, by their ids, in the order of the pages."""


def told(problems: Iterable[Problem]) -> tuple[FormProblem, ...]:
    """Problems at the fields of their form, in the order of the page."""
    return tuple(sorted((_placed(problem) for problem in problems), key=_order))


def state_of(person: StaffMember) -> str:
    """How a person stands, in a word."""
    if person.is_disabled:
        return "disabled"
    return "invited" if person.is_invited else "enabled"


def _order(problem: FormProblem) -> int:
    """The form as a whole, then its fields."""
    return list(_LABELS).index(problem.field) if problem.field in _LABELS else -1


def _placed(problem: Problem) -> FormProblem:
    field = problem.location.removeprefix("/")
    return FormProblem(field, _LABELS.get(field, field), problem.message)
