"""What is wrong with an input: where and why, all problems at once."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input."""

    message: str
    """Why, in a sentence a person can act on."""

    location: str = ""
    """Where: the JSON pointer of the wrong value; empty means the input as a whole."""

    def __str__(self) -> str:
        return f"{self.location or '/'}: {self.message}"


class InvalidInput(Exception):
    """An input is wrong; `problems` holds every problem that was found, never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))
