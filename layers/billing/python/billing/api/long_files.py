"""Files that may have more lines than one holds: what the edge says of it."""

from collections.abc import Callable
from typing import Final, TypeVar

from billing.services.file_parts import TooManyLines
from billing.web.http import RequestRefused
from billing.web.routing import Refusals

T = TypeVar("T")

LONG_FILE_REFUSALS: Final[Refusals] = {406: ("gzip_required",), 422: ("too_many_lines",)}


def or_parts(make: Callable[[], T]) -> T:
    """What it makes. Raises `too_many_lines` with the parts of the range."""
    try:
        return make()
    except TooManyLines as refusal:
        parts = [
            {"from": part.first.isoformat(), "to": part.last.isoformat(), "lines": part.lines} for part in refusal.parts
        ]
        raise RequestRefused(
            "too_many_lines", f"the range {refusal.detail}", field="to", lines=refusal.lines, parts=parts
        ) from refusal
