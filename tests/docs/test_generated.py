"""What the docs repeat from the code is what the code says."""

import runpy
from pathlib import Path

GENERATOR = Path(__file__).parents[2] / "docs" / "generate.py"


def test_the_generated_parts_of_the_docs_are_up_to_date() -> None:
    outdated = [path.name for path in runpy.run_path(str(GENERATOR))["outdated_pages"]()]
    assert not outdated, (
        f"docs/ differs from the code; run: python docs/generate.py (it rewrites {', '.join(outdated)})"
    )
