"""People, roles and keys on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from calltrail.bootstrap.registry import open_registry
from calltrail.cli.main import app
from calltrail.cli.options import out
from calltrail.domain.audit import AuditAction
from calltrail.domain.catalog import Catalog, IntegrationEndpoint
from calltrail.settings import Settings

OWNER, INES = "olga@example.com", "ines@example.com"
PASSWORD = "correct horse battery"


class Folder:
    """A data folder with its first Owner, and the commands on it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.run("init", "--owner", OWNER, is_json=False)

    def try_(self, *arguments: str) -> Result:
        out.width = 200
        return CliRunner().invoke(app, [*arguments, "--data", str(self.data)])

    def run(self, *arguments: str, is_json: bool = True) -> Any:
        """What the command says."""
        result = self.try_(*arguments, *(["--json"] if is_json else []))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if is_json else result.stdout

    def refusals(self, *arguments: str) -> list[str]:
        """What the command says is wrong."""
        result = self.try_(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        return result.stderr.splitlines()

    def states(self) -> dict[str, str]:
        return {person["email"]: person["state"] for person in self.run("staff", "list")}

    def accept(self, path: str) -> None:
        with open_registry(Settings(data=self.data)) as registry:
            registry.people.accept(path.removeprefix("/welcome/"), PASSWORD)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")


def test_a_person_comes_by_invitation_and_goes(folder: Folder) -> None:
    folder.run("roles", "set", "Support", "--permission", "calls-view", "--permission", "audit-view", is_json=False)
    invitation = folder.run("staff", "invite", INES, "--role", "Support")
    assert (invitation["email"], invitation["days"]) == (INES, 3)
    assert folder.states() == {INES: "invited", OWNER: "active"}
    folder.accept(invitation["path"])
    assert folder.run("staff", "list")[0] == {
        "email": INES,
        "roles": ["Support"],
        "permissions": ["audit-view", "calls-view"],
        "state": "active",
    }
    folder.run("staff", "disable", INES, is_json=False)
    assert folder.states()[INES] == "disabled"
    folder.run("staff", "enable", INES, is_json=False)
    folder.accept(folder.run("staff", "reset", INES)["path"])
    assert folder.states() == {INES: "active", OWNER: "active"}
    folder.run("staff", "assign", INES, is_json=False)
    assert folder.run("staff", "list")[0]["roles"] == []


def test_an_invitation_says_where_it_leads_and_how_long_it_is_good(folder: Folder) -> None:
    text = folder.run("staff", "invite", INES, is_json=False)
    assert "within 3 days" in text
    folder.accept(text.splitlines()[-1])
    assert folder.states()[INES] == "active"


def test_whoever_lost_the_only_owners_password_lets_themselves_in_by_the_folder(folder: Folder) -> None:
    folder.accept(folder.run("staff", "reset", OWNER)["path"])
    assert folder.states() == {OWNER: "active"}


def test_every_problem_is_told_a_line_each(folder: Folder) -> None:
    assert folder.refusals("staff", "invite", "ines", "--role", "Cooks") == [
        "error: /email: An e-mail address is written name@example.com.",
        'error: /roles: There is no role "Cooks".',
    ]
    assert folder.refusals("roles", "remove", "Owners") == ["error: The role Owners can't be removed."]
    last_owner = ["error: This is the last Owner who can sign in; make somebody else an Owner first."]
    assert folder.refusals("staff", "disable", OWNER) == folder.refusals("staff", "assign", OWNER) == last_owner


def test_roles_are_set_listed_and_removed(folder: Folder) -> None:
    folder.run("roles", "set", "Support", "--permission", "calls-view", is_json=False)
    folder.run("roles", "set", "[bold]Cooks[/bold]", is_json=False)
    assert [(role["name"], len(role["permissions"])) for role in folder.run("roles", "list")] == [
        ("Owners", 5),
        ("Support", 1),
        ("[bold]Cooks[/bold]", 0),
    ]
    assert "[bold]Cooks[/bold]" in folder.run("roles", "list", is_json=False)
    folder.run("roles", "remove", "Support", is_json=False)
    assert [role["name"] for role in folder.run("roles", "list")] == ["Owners", "[bold]Cooks[/bold]"]


def test_what_an_operator_does_is_audited_as_theirs(folder: Folder) -> None:
    folder.run("staff", "invite", INES)
    with open_registry(Settings(data=folder.data)) as registry:
        (entry,) = registry.audit.entries(AuditAction.STAFF_INVITED)
    assert entry.principal.startswith("operator:")
    assert entry.subject == f"staff {INES}"


def test_keys_are_told_apart_by_their_labels(folder: Folder) -> None:
    with open_registry(Settings(data=folder.data)) as registry:
        registry.catalog.save(Catalog({"demo.Till": IntegrationEndpoint("demo.Till", "Till")}))
    key = folder.run("keys", "create", "demo.Till", "--label", " the [red]south[/red] till ")
    assert key["label"] == "the [red]south[/red] till"
    assert folder.run("keys", "list", "demo.Till")[0]["last_used_at"] is None
    with open_registry(Settings(data=folder.data)) as registry:
        assert registry.access.authenticate_key("demo.Till", key["key"])
        registry.key_uses.write()
    assert folder.run("keys", "list", "demo.Till")[0]["last_used_at"]
    assert "[red]south[/red]" in folder.run("keys", "list", "demo.Till", is_json=False)
    too_long = folder.refusals("keys", "create", "demo.Till", "--label", "x" * 101)
    assert too_long == ["error: a label is one line of at most 100 characters"]
