"""Ranges of time in queries: from a moment to another, or whole days."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from billing.contracts.times import parse_time
from billing.domain.errors import InvalidValue
from billing.domain.instants import format_instant
from billing.domain.usage_report import Days
from billing.web.values import Body, reading

_DATE = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _day(value: object) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise InvalidValue('must be a day such as "2026-11-01"')
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise InvalidValue("is not a day of the calendar") from error


def _bound(value: object, *, of_day: timedelta) -> datetime:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return datetime.combine(_day(value), time(), UTC) + of_day
    return parse_time(value, "")


_BOUND_SCHEMA = {"type": "string", "examples": ["2026-11-01", "2026-11-01T00:00:00Z"]}
_DAY_SCHEMA = {"type": "string", "format": "date", "examples": ["2026-11-01"]}


class SpanQuery(Body):
    """From `from` on and before `to`. Dates are whole days (UTC), the last one among them."""

    from_: Annotated[
        datetime | None,
        reading(lambda value: _bound(value, of_day=timedelta())),
        WithJsonSchema({**_BOUND_SCHEMA, "description": "A time, or a date (UTC)."}),
        Field(alias="from"),
    ] = None
    to: Annotated[
        datetime | None,
        reading(lambda value: _bound(value, of_day=timedelta(days=1))),
        WithJsonSchema({**_BOUND_SCHEMA, "description": "A time, which is excluded, or a date (UTC), which is not."}),
    ] = None

    @model_validator(mode="after")
    def _is_a_span(self) -> "SpanQuery":
        if self.from_ is not None and self.to is not None and self.to < self.from_:
            raise PydanticCustomError("invalid_value", "must not end before it begins")
        return self


class DaysQuery(Body):
    """Whole days (UTC), both among them."""

    from_: Annotated[
        date | None,
        reading(_day),
        WithJsonSchema({**_DAY_SCHEMA, "description": "The first day (UTC); the first of the month without it."}),
        Field(alias="from"),
    ] = None
    to: Annotated[
        date | None,
        reading(_day),
        WithJsonSchema({**_DAY_SCHEMA, "description": "The last day (UTC); today without it."}),
    ] = None

    def to_days(self, today: date) -> Days:
        last = self.to or today
        return Days(self.from_ or last.replace(day=1), last)


def link_to(cursor: str, span: SpanQuery, stated: Mapping[str, str | None]) -> str:
    """The same query from `cursor` on, as a relative reference. `stated` is what it says beside the span."""
    bounds = {
        "from": span.from_ and format_instant(span.from_),
        "to": span.to and format_instant(span.to),
    }
    said = {**bounds, **stated, "cursor": cursor}
    return "?" + urlencode({name: value for name, value in said.items() if value is not None})
