"""The audit journal: who did what, newest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from calltrail.api.fields import Field, read_moment
from calltrail.console.paths import endpoint_path, method_path, person_path
from calltrail.console.routes import ConsoleAddress
from calltrail.console.visits import Answer, Page, Visit
from calltrail.domain.access import Permission
from calltrail.domain.audit import AuditAction, AuditFilter, NumberedEntry
from calltrail.domain.problems import Problem
from calltrail.services.ports import AuditJournal

_PAGE = 100
_WORDS = ("since", "till", "action", "principal", "subject")
_PAGES_OF_SUBJECTS: Mapping[str, Callable[[str], str]] = {
    "export": lambda number: f"/exports/{number}",
    "endpoint": endpoint_path,
    "method": method_path,
    "staff": person_path,
}
"""Where the first word of a subject leads."""


@dataclass(frozen=True, slots=True)
class AuditView:
    problems: Sequence[Problem]
    entries: Sequence[NumberedEntry]
    older: str | None
    """Where the next page is; None at the end."""


@dataclass(frozen=True, slots=True)
class _Asked:
    words: Mapping[str, str]
    filter: AuditFilter
    before: int | None
    problems: Sequence[Problem]


class AuditDesk:
    """`/audit`"""

    def __init__(self, *, audit: AuditJournal) -> None:
        self._audit = audit

    def show(self, visit: Visit) -> Answer:
        asked = _read(visit.query)
        found = self._audit.newest(asked.filter, _PAGE + 1, asked.before)
        shown = found[:_PAGE]
        older = f"/audit?{urlencode({**asked.words, 'before': shown[-1].id})}" if len(found) > _PAGE else None
        more = {"words": asked.words, "actions": sorted(AuditAction), "subject_path": subject_path}
        return Page("audit", AuditView(asked.problems, shown, older), 422 if asked.problems else 200, more)


def audit_table(desk: AuditDesk) -> Iterator[ConsoleAddress]:
    yield ConsoleAddress("GET", "/audit", desk.show, (Permission.AUDIT_VIEW,))


def subject_path(subject: str) -> str | None:
    """The page of what an entry is about, where there is one."""
    kind, _, name = subject.partition(" ")
    path_of = _PAGES_OF_SUBJECTS.get(kind)
    return path_of(name) if path_of and name else None


def _read(query: QueryParams) -> _Asked:
    problems: list[Problem] = []
    words = {name: query[name].strip() for name in _WORDS if query.get(name, "").strip()}

    def field(name: str) -> Field:
        return Field(words.get(name), f"/{name}", problems)

    audit_filter = AuditFilter(
        since=read_moment(field("since")),
        till=read_moment(field("till")),
        action=_action(field("action")),
        principal=words.get("principal", ""),
        subject=words.get("subject", ""),
    )
    return _Asked(words, audit_filter, _number(Field(query.get("before"), "/before", problems)), problems)


def _action(field: Field) -> AuditAction | None:
    if field.is_blank:
        return None
    if field.value in set(AuditAction):
        return AuditAction(field.value)
    field.refuse("There is no such action.")
    return None


def _number(field: Field) -> int | None:
    if field.is_blank:
        return None
    if field.value.isdecimal() and len(field.value) < 19:
        return int(field.value)
    field.refuse("This must be the number of an entry: take it from the links of a page.")
    return None
