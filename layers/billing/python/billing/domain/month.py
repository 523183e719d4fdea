"""Months of the calendar, in UTC."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from billing.domain.errors import InvalidValue

MONTH = re.compile(r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])", re.ASCII)
MONTH_SAYS = 'must be a month such as "2026-10"'

_LAST_YEAR = 9999
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Month:
    """A month, such as the last one in which a card is good. As text "2026-10"."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str, field: str = "month") -> "Month":
        """Raises InvalidValue for anything but "2026-10"."""
        if not MONTH.fullmatch(text):
            raise InvalidValue(MONTH_SAYS, field=field)
        year, month = text.split("-")
        return cls(int(year), int(month))

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month that a day lies in."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next month."""
        return (self.start + timedelta(days=31)).replace(day=1) if self.year < _LAST_YEAR else _END_OF_TIME

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])
