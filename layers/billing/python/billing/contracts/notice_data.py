"""A notice's facts as the `data` of its CloudEvent, written and read by the types of their fields.

Fields stand on the wire in their order and under their names. What a type looks like there is said once, here.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from billing.domain.decimals import parse_millionths
from billing.domain.errors import BillingError
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.money import Money
from billing.domain.month import Month
from billing.domain.notice_facts import FACTS, Facts
from billing.domain.notice_types import NoticeType
from billing.domain.transaction import CardFace

Read = Callable[[Any], object]


def write_facts(facts: Facts) -> dict[str, object]:
    return {each.name: _written(getattr(facts, each.name)) for each in fields(facts)}


def read_facts(kind: NoticeType, data: Mapping[str, Any]) -> Facts:
    """Members that have no field are passed over; one that is absent is its field's default, or None.

    Raises ValueError where a fact must be there and is not, or is no value of its type.
    """
    facts: dict[str, Any] = {}
    for member in _members(kind):
        if member.name not in data and member.has_default:
            continue
        try:
            facts[member.name] = member.read(data.get(member.name))
        except (BillingError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{member.name} of {kind} cannot be read") from error
    return FACTS[kind](**facts)


def _written(fact: object) -> object:
    match fact:
        case Money():
            return fact.to_wire()
        case datetime():
            return format_instant(fact)
        case CardFace():
            return {"brand": fact.brand, "last4": fact.last4}
        case Month():
            return str(fact)
    return fact


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    read: Read
    has_default: bool


@cache
def _members(kind: NoticeType) -> tuple[_Member, ...]:
    facts = FACTS[kind]
    hints = get_type_hints(facts)
    return tuple(_Member(each.name, _reader(hints[each.name]), each.default is not MISSING) for each in fields(facts))


def _reader(hint: Any) -> Read:  # noqa: ANN401  (a type, `X | None`, or a Literal)
    if get_origin(hint) is Literal:
        return _READERS[str]  # a code that a newer release made up is a code, too
    if not get_args(hint):
        return _READERS[hint]
    (kind,) = (each for each in get_args(hint) if each is not NoneType)
    read = _reader(kind)
    return lambda value: None if value is None else read(value)


def _exactly(kind: type) -> Read:
    def read(value: object) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value

    return read


_READERS: Mapping[type, Read] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    datetime: parse_stored_instant,
    Money: lambda value: Money(parse_millionths(value["amount"], "amount", negative=True), value["currency"]),
    CardFace: lambda value: CardFace(value["brand"], value["last4"]),
    Month: lambda value: Month(*map(int, value.split("-"))),
}
