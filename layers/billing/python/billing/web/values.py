"""The types of the API's fields: decimal strings become exact integers, and each says in words what it wants."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticCustomError

from billing.contracts.times import parse_time
from billing.domain.account import ACCOUNT_ID, ACCOUNT_ID_SAYS
from billing.domain.decimals import MILLION, format_millionths, parse_millionths
from billing.domain.errors import InvalidValue
from billing.domain.money import Money, minor_unit_decimals, parse_currency
from billing.domain.month import MONTH, MONTH_SAYS
from billing.domain.plan import FEATURE_KEY
from billing.domain.portal_session import SESSION_ID, SESSION_ID_SAYS
from billing.domain.seller import RECEIPT_PREFIX, RECEIPT_PREFIX_SAYS, SELLER_ID
from billing.domain.texts import (
    EDGE,
    EMAIL,
    INNER,
    MAX_EMAIL_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_SHORT_TEXT_CHARACTERS,
    NO_CHARACTER,
    line,
)
from billing.domain.web_address import MAX_URL_CHARACTERS, WEB_ADDRESS, WEB_ADDRESS_SAYS
from billing.words.countries import COUNTRIES

MAX_UNITS = 1_000_000
MAX_REASON_CHARACTERS = 500

MAX_NAMED_WORKSPACES = 10
MAX_PAGE = 100
DEFAULT_PAGE = 50
MAX_CURSOR_CHARACTERS = 2048

T = TypeVar("T")

Example = Mapping[str, Any]


class Body(BaseModel):
    """What a request says: its fields and no others, each of exactly its type. `example` is one that is accepted."""

    example: ClassVar[Example | None] = None
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class View(BaseModel):
    """What an answer says, each time in full: a default is a value like any other."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


def reading(parse: Callable[[object], object]) -> BeforeValidator:
    """The domain's own parsers, with their own words."""

    def read(value: object) -> object:
        try:
            return parse(value)
        except InvalidValue as error:
            raise PydanticCustomError("invalid_value", "{detail}", {"detail": error.detail}) from error

    return BeforeValidator(read)


def distinct(thing: str) -> AfterValidator:
    """A list that names no `thing` twice."""

    def check(values: list[T]) -> list[T]:
        if len(set(values)) != len(values):
            raise PydanticCustomError("invalid_value", "must not name {thing} twice", {"thing": thing})
        return values

    return AfterValidator(check)


def _text(pattern: str | re.Pattern[str], says: str) -> BeforeValidator:
    compiled = re.compile(pattern)

    def parse(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value) or NO_CHARACTER.search(value):
            raise InvalidValue(says)
        return value

    return reading(parse)


def _schema(pattern: str | re.Pattern[str], **more: JsonValue) -> WithJsonSchema:
    text = pattern if isinstance(pattern, str) else pattern.pattern
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{text})$", **more})


_BEGINNING = rf"{EDGE}{INNER}{{0,{MAX_NAME_CHARACTERS - 1}}}"
"""Of such a line: it may end with a space, which more is to follow."""
_LINE_IS = "One line in any script, without control characters and the code points that are no characters, as U+FFFE."


def _money(text: object, *, negative: bool = False) -> int:
    return Money.parse(text, "", negative=negative).micros


def _whole(text: object, minimum: int = 0) -> int:
    millionths = parse_millionths(text, "")
    if millionths % MILLION or not minimum * MILLION <= millionths <= MAX_UNITS * MILLION:
        raise InvalidValue(f'must be a whole number from {minimum} to {MAX_UNITS}, such as "{minimum + 1}"')
    return millionths // MILLION


def _positive(text: object) -> int:
    millionths = parse_millionths(text, "")
    if millionths == 0:
        raise InvalidValue("must be more than zero")
    return millionths


def _country(text: object) -> str:
    if not isinstance(text, str) or text not in COUNTRIES:
        raise InvalidValue('must be a country\'s code of two capital letters (ISO 3166-1), such as "GB"')
    return text


def _several(text: object) -> tuple[str, ...]:
    """As a gateway joins a parameter that is given more than once, too. A workspace's id has no comma."""
    ids = text.split(",") if isinstance(text, str) else []
    if not 1 <= len(ids) <= MAX_NAMED_WORKSPACES or not all(ACCOUNT_ID.fullmatch(each) for each in ids):
        raise InvalidValue(f"must be 1 to {MAX_NAMED_WORKSPACES} ids of workspaces with commas between them")
    return tuple(dict.fromkeys(ids))


def _percent(text: object) -> int:
    millionths = parse_millionths(text, "")
    if millionths > 100 * MILLION:
        raise InvalidValue("must be at most 100")
    return millionths


_DECIMAL = r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?"
_WHOLE = r"0|[1-9][0-9]{0,5}"
_UNIT = r"[!-~](?:[ -~]{0,30}[!-~])?"
_CREDIT_NOTE_NUMBER = rf"{RECEIPT_PREFIX.pattern}-CN-[0-9]{{4}}-[0-9]{{6,9}}"
_PLAN_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"

_CURSOR = rf"[A-Za-z0-9_-]{{1,{MAX_CURSOR_CHARACTERS}}}"

Amount = Annotated[int, reading(_money), _schema(_DECIMAL, examples=["20.00"])]
"""Micro-units, from a decimal string of major units."""
SignedAmount = Annotated[
    int, reading(lambda text: _money(text, negative=True)), _schema(f"-?{_DECIMAL}", examples=["-20.00"])
]
Quantity = Annotated[int, reading(lambda text: parse_millionths(text, "")), _schema(_DECIMAL, examples=["500"])]
"""Millionths of a unit, from a decimal string."""
PositiveQuantity = Annotated[int, reading(_positive), _schema(_DECIMAL, examples=["60"])]
Percent = Annotated[int, reading(_percent), _schema(r"100|[1-9]?[0-9](?:\.[0-9]{1,6})?", examples=["10"])]
"""Millionths of a percent."""
Units = Annotated[int, reading(_whole), _schema(_WHOLE, examples=["2"])]
"""Whole units, from a decimal string."""

Moment = Annotated[
    datetime,
    reading(lambda text: parse_time(text, "")),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-01-31T00:00:00Z"]}),
]
Instant = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T09:15:02.000Z"]})
]
"""A moment as it is answered, to the millisecond."""
Currency = Annotated[str, reading(parse_currency), _schema("[A-Z]{3}", examples=["USD"])]
AccountId = Annotated[str, _text(ACCOUNT_ID, ACCOUNT_ID_SAYS), _schema(ACCOUNT_ID, examples=["acme"])]
WorkspaceId = Annotated[str, _text(ACCOUNT_ID, ACCOUNT_ID_SAYS), _schema(ACCOUNT_ID, examples=["42"])]
_WORKSPACE_IDS = rf"{ACCOUNT_ID.pattern}(?:,{ACCOUNT_ID.pattern}){{0,{MAX_NAMED_WORKSPACES - 1}}}"
WorkspaceIds = Annotated[
    tuple[str, ...],
    reading(_several),
    _schema(_WORKSPACE_IDS, examples=["42,43"], description=f"up to {MAX_NAMED_WORKSPACES}, with commas between them"),
]
SellerId = Annotated[str, _text(SELLER_ID, ACCOUNT_ID_SAYS), _schema(SELLER_ID, examples=["default"])]
ReceiptPrefix = Annotated[str, _text(RECEIPT_PREFIX, RECEIPT_PREFIX_SAYS), _schema(RECEIPT_PREFIX, examples=["TT"])]
PlanId = Annotated[
    str,
    _text(_PLAN_ID, "must be 1 to 64 letters, digits and _.- and begin with a letter or a digit"),
    _schema(_PLAN_ID, examples=["starter"]),
]
FeatureKey = Annotated[
    str,
    _text(FEATURE_KEY, "must be 1 to 64 letters, digits and _.- and begin with a letter"),
    _schema(FEATURE_KEY, examples=["call_minutes"]),
]
Unit = Annotated[
    str, _text(_UNIT, 'must be a unit of at most 32 characters, such as "minute"'), _schema(_UNIT, examples=["minute"])
]
Name = Annotated[
    str,
    _text(line(MAX_NAME_CHARACTERS), f"must be a line of 1 to {MAX_NAME_CHARACTERS} characters"),
    _schema(line(MAX_NAME_CHARACTERS), description=_LINE_IS),
]
NameBeginning = Annotated[
    str,
    _text(_BEGINNING, f"must be the beginning of a line of at most {MAX_NAME_CHARACTERS} characters"),
    _schema(_BEGINNING, description=_LINE_IS),
]
ShortText = Annotated[
    str,
    _text(line(MAX_SHORT_TEXT_CHARACTERS), f"must be a line of 1 to {MAX_SHORT_TEXT_CHARACTERS} characters"),
    _schema(line(MAX_SHORT_TEXT_CHARACTERS), description=_LINE_IS),
]
Country = Annotated[
    str,
    reading(_country),
    WithJsonSchema({"type": "string", "enum": sorted(COUNTRIES), "description": "ISO 3166-1 alpha-2"}),
]
Reason = Annotated[
    str,
    _text(line(MAX_REASON_CHARACTERS), f"must be a line of 1 to {MAX_REASON_CHARACTERS} characters"),
    _schema(line(MAX_REASON_CHARACTERS), description=_LINE_IS),
]
Email = Annotated[
    str,
    _text(f"(?=.{{3,{MAX_EMAIL_CHARACTERS}}}$){EMAIL}", "must be an e-mail address"),
    _schema(EMAIL, maxLength=MAX_EMAIL_CHARACTERS, examples=["billing@acme.example"]),
]
Language = Literal["en", "ar"]
Scope = Literal["usage:write", "calls:authorize", "billing:read", "billing:write", "admin"]
KeyId = Annotated[str, _text(r"[0-9a-f]{16}", "must be the id of an API key"), _schema(r"[0-9a-f]{16}")]
RejectionId = Annotated[str, _text(r"[0-9a-f]{32}", "must be the id of a rejected event"), _schema(r"[0-9a-f]{32}")]
EndpointId = Annotated[
    str, _text(r"we_[0-9a-f]{24}", "must be the id of a webhook endpoint"), _schema(r"we_[0-9a-f]{24}")
]

PaymentMethodId = Annotated[
    str, _text(r"pm_[A-Za-z0-9_]{1,64}", "must be the id of a payment method"), _schema(r"pm_[A-Za-z0-9_]{1,64}")
]
TransactionId = Annotated[
    str, _text(r"tx_[0-9a-f]{24}", "must be the id of a transaction"), _schema(r"tx_[0-9a-f]{24}")
]
ReturnUrl = Annotated[
    str,
    _text(f"(?=.{{1,{MAX_URL_CHARACTERS}}}$){WEB_ADDRESS.pattern}", WEB_ADDRESS_SAYS),
    _schema(
        WEB_ADDRESS, format="uri", maxLength=MAX_URL_CHARACTERS, examples=["https://platform.example/billing?tab=cards"]
    ),
]

IDEMPOTENCY_KEY: TypeAdapter[str] = TypeAdapter(
    Annotated[str, _text(r"[!-~]{1,255}", "must be 1 to 255 visible ASCII characters"), _schema(r"[!-~]{1,255}")]
)
MonthText = Annotated[str, _text(MONTH, MONTH_SAYS), _schema(MONTH, examples=["2026-10"])]
CreditNoteNumber = Annotated[
    str, _text(_CREDIT_NOTE_NUMBER, "must be the number of a credit note"), _schema(_CREDIT_NOTE_NUMBER)
]
RecordId = Annotated[
    str, _text(r"le_[A-Za-z0-9_-]{50}", "must be the id of a usage record"), _schema(r"le_[A-Za-z0-9_-]{50}")
]
SessionId = Annotated[str, _text(SESSION_ID, SESSION_ID_SAYS), _schema(SESSION_ID)]
PATH_PARAMETERS: Mapping[str, TypeAdapter[str]] = {
    "account_id": TypeAdapter(AccountId),
    "workspace_id": TypeAdapter(WorkspaceId),
    "plan_id": TypeAdapter(PlanId),
    "key_id": TypeAdapter(KeyId),
    "rejection_id": TypeAdapter(RejectionId),
    "endpoint_id": TypeAdapter(EndpointId),
    "payment_method_id": TypeAdapter(PaymentMethodId),
    "transaction_id": TypeAdapter(TransactionId),
    "seller_id": TypeAdapter(SellerId),
    "number": TypeAdapter(CreditNoteNumber),
    "record_id": TypeAdapter(RecordId),
    "month": TypeAdapter(MonthText),
    "session_id": TypeAdapter(SessionId),
}


def _page_limit(text: object) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"[1-9][0-9]{0,2}", text, re.ASCII) or int(text) > MAX_PAGE:
        raise InvalidValue(f"must be a whole number from 1 to {MAX_PAGE}")
    return int(text)


PageLimit = Annotated[
    int,
    reading(_page_limit),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PAGE}),
]
Version = Annotated[
    int,
    reading(lambda text: _whole(text, minimum=1)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_UNITS}),
]
Cursor = Annotated[
    str,
    _text(_CURSOR, "is not a cursor of this list"),
    _schema(_CURSOR, description="`next_cursor` of the page before"),
]


class PageQuery(Body):
    """Which part of a list: at most `limit` items, from where `cursor` says."""

    limit: PageLimit = DEFAULT_PAGE
    cursor: Cursor | None = None


class MoneyView(View):
    """An amount in major units, to six decimals, and its ISO 4217 currency."""

    amount: Annotated[str, _schema(r"-?[0-9]+\.[0-9]{6}", examples=["12.345600"])]
    currency: str

    @classmethod
    def of(cls, micros: int, currency: str) -> "MoneyView":
        return cls(**Money(micros, currency).to_wire())


def price_text(micros: int, currency: str) -> str:
    """A price as people write it: the currency's own decimals, and more only where the price has more."""
    whole, _, fraction = format_millionths(micros).partition(".")
    decimals = minor_unit_decimals(currency)
    return f"{whole}.{fraction:0<{decimals}}" if fraction or decimals else whole
