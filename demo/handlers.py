"""Python steps of the demo's catalog."""

from collections.abc import Mapping
from typing import Any

from calltrail.domain.problems import InvalidInput, Problem
from calltrail.services.call import Call


def loyalty_points(call: Call) -> Mapping[str, Any]:
    """One point for each whole euro; in XML numbers come as text."""
    purchase = call.data()
    problems = []
    if not str(purchase.get("card", "")).startswith("LC-"):
        problems.append(Problem("This is no loyalty card.", "/card"))
    try:
        amount = float(purchase.get("amount", ""))
    except ValueError:
        problems.append(Problem("This must be an amount in euros.", "/amount"))
    if problems:
        raise InvalidInput(problems)
    return {"card": purchase["card"], "points": int(amount)}
