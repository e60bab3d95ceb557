"""Pages that people wrote: their links lead somewhere, their examples hold, their words are those of the code."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from calltrail.services.catalog.file import read_catalog

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOUNS = ["access", "answers", "audit", "calls", "catalog", "exports", "filters", "keeping", "problems"]
PORTS = ["calltrail.services.ports", "calltrail.services.access.ports"]
MODULES_OF_NOUNS = [*(f"calltrail.domain.{name}" for name in NOUNS), *PORTS]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """What links may name after `#`: headings as code hosts spell them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"https?:", path):
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{_name(page)} links to {link}"
        assert not anchor or anchor in _anchors(target), f"{_name(page)} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_catalog_shown_is_one(page: Path) -> None:
    for text in re.findall(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        assert read_catalog(text).methods


@pytest.mark.parametrize("module_name", MODULES_OF_NOUNS)
def test_every_noun_stands_in_the_glossary(module_name: str) -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    for name, value in vars(importlib.import_module(module_name)).items():
        is_noun = inspect.isclass(value) and value.__module__ == module_name and not name.startswith("_")
        assert not is_noun or f"`{name}`" in glossary, f"docs/glossary.md has no line for {name} of {module_name}"


def test_a_decision_fits_on_a_page() -> None:
    for page in (ROOT / "docs" / "adr").glob("*.md"):
        assert len(page.read_text("utf-8").splitlines()) <= 40, _name(page)
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 150
