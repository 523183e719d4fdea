"""A file holds so many lines; a longer range is offered in parts that each make one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from billing.domain.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Part:
    """Days (UTC), both among them, and how many lines a file of them has."""

    first: date
    last: date
    lines: int


class TooManyLines(InvalidValue):
    """More lines than a file holds. Each of the `parts` makes one, but for a day that has more by itself.

    Such a day makes several files: each says where the next one is.
    """

    code = "too_many_lines"

    def __init__(self, units: Iterable[Part], most: int) -> None:
        self.parts = _together(units, most)
        self.lines = sum(part.lines for part in self.parts)
        super().__init__(
            f"has {self.lines} lines in this range, and a file at most {most}: ask for its parts", field="to"
        )


def _together(units: Iterable[Part], most: int) -> list[Part]:
    """Consecutive ones, as many as a file holds."""
    parts: list[Part] = []
    for unit in units:
        if parts and parts[-1].lines + unit.lines <= most:
            parts[-1] = replace(parts[-1], last=unit.last, lines=parts[-1].lines + unit.lines)
        else:
            parts.append(unit)
    return parts
