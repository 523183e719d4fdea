"""Forms as a browser sends them: at most so many fields, each once, and what is typed into them."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.web.http import Request, RequestRefused, body_text, media_type

MAX_BYTES = 16_384
MAX_FIELDS = 60
MAX_CHARACTERS = 1_000

Form = Mapping[str, str]


def read_form(request: Request) -> Form:
    """Raises RequestRefused where it is too large, and InvalidValue where it is no form of ours."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise RequestRefused("unsupported_media_type", "this is not a form", field="content-type")
    return read_fields(body_text(request, max_bytes=MAX_BYTES))


def read_fields(text: str) -> Form:
    """The fields of a form or a query, without spaces around. Raises InvalidValue."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise InvalidValue("cannot be read") from error
    fields = dict(pairs)
    if len(fields) != len(pairs) or any(len(value) > MAX_CHARACTERS or "\0" in value for value in fields.values()):
        raise InvalidValue("names a field twice, or has too long a text")
    return {name: value.strip() for name, value in fields.items()}


def read_amount(typed: str, currency: str) -> int | None:
    """Micro-units of what somebody typed: "50", "50.00", "1,234.50", "USD 50", "٥٠". None for what is no amount."""
    text = typed.upper().removeprefix(currency).removesuffix(currency).strip()
    text = text.translate(_DIGITS).replace(" ", "").replace("\u00a0", "")
    groups = text.partition(".")[0].split(",")
    if len(groups) > 1:
        if not groups[0] or len(groups[0]) > _GROUP or any(len(each) != _GROUP for each in groups[1:]):
            return None
        text = text.replace(",", "")
    try:
        return Money.parse(text, currency).micros
    except InvalidValue:
        return None


_GROUP = 3
# Arabic-Indic digits and their separators, as an Arabic keyboard types them.
_DIGITS = {0x0660 + digit: str(digit) for digit in range(10)} | {0x066B: ".", 0x066C: ","}
