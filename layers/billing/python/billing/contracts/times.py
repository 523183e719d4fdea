"""Times on the wire: RFC 3339 with an offset."""

import re
from datetime import UTC, datetime

from billing.domain.errors import InvalidValue

# The years 2000 to 2999: a zero epoch is a sender's mistake, and no offset carries these out of a datetime's range.
_RFC3339 = re.compile(
    r"2[0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def parse_time(text: object, field: str) -> datetime:
    """Read a time as UTC, digits beyond the microsecond cut off. Raises InvalidValue, naming `field`."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise InvalidValue('must be a time with an offset such as "2026-11-23T09:15:02Z"', field=field)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except ValueError as error:
        raise InvalidValue("is not a day of the calendar", field=field) from error
