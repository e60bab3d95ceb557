"""Where people, keys and passwords are judged: access over memory stores, with a clock that stands still until set."""

from dataclasses import dataclass, field
from datetime import datetime

from argon2 import PasswordHasher

from calltrail.domain.access import OWNERS, Permission, Principal, PrincipalKind
from calltrail.domain.audit import AuditAction
from calltrail.domain.catalog import Catalog, IntegrationEndpoint, KeyKind
from calltrail.services.access.key_uses import KeyUses
from calltrail.services.access.passes import Passes
from calltrail.services.access.people import People
from calltrail.services.access.rights import Access, endpoint_key_principal, hash_key, new_key
from calltrail.stores.memory import MemoryAuditJournal, MemoryCatalogStore
from calltrail.stores.memory_people import MemoryStaffStore, MemoryStaffTokens
from tests.samples import NOON

OPERATOR = Principal(PrincipalKind.OPERATOR, "root")
OWNER = Principal(PrincipalKind.STAFF, "olga@example.com")
PASSWORD = "correct horse battery"


@dataclass
class Office:
    """One Owner is there from the start."""

    staff: MemoryStaffStore = field(default_factory=MemoryStaffStore)
    tokens: MemoryStaffTokens = field(default_factory=MemoryStaffTokens)
    catalog: MemoryCatalogStore = field(default_factory=MemoryCatalogStore)
    audit: MemoryAuditJournal = field(default_factory=MemoryAuditJournal)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.key_uses = KeyUses(self.catalog)
        self.access = Access(
            staff=self.staff,
            catalog=self.catalog,
            audit=self.audit,
            now=self.clock,
            passwords=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
            key_uses=self.key_uses,
        )
        self.passes = Passes(tokens=self.tokens, staff=self.staff, audit=self.audit, now=self.clock)
        self.people = People(staff=self.staff, tokens=self.tokens, access=self.access, audit=self.audit, now=self.clock)
        self.access.add_staff("Olga@example.com", PASSWORD, [OWNERS], OPERATOR)

    def clock(self) -> datetime:
        return self.now

    def endpoint(self, external_id: str, *permissions: Permission) -> None:
        endpoints = {**self.catalog.current().endpoints}
        endpoints[external_id] = IntegrationEndpoint(external_id, "Web shop", frozenset(permissions))
        self.catalog.save(Catalog(endpoints))

    def key(self, external_id: str, kind: KeyKind = KeyKind.MAIN) -> tuple[str, Principal]:
        key = new_key()
        return key, endpoint_key_principal(self.catalog.add_key(external_id, kind, hash_key(key), NOON))

    def actions(self) -> list[tuple[AuditAction, str, str]]:
        return [(entry.action, entry.principal, entry.subject) for entry in self.audit.entries()]
