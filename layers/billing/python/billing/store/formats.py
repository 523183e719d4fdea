"""Values inside an attribute of a row: written and read by the position or the name of a dataclass's fields.

What a newer release added is passed over, kept and written back as it was read: see `domain.stored`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Generic, NamedTuple, TypeVar

from pynamodb.attributes import Attribute

from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.stored import ByName, ByPosition

P = TypeVar("P", bound=ByPosition)
N = TypeVar("N", bound=ByName)


class Part(NamedTuple):
    """How a field is written and read. JSON has no moments, nor values inside values; None is written as it is."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


MOMENT = Part(format_instant, parse_stored_instant)
TUPLE = Part(list, tuple)


class PositionFormat(Generic[P]):
    """A JSON list of a value's fields, in their order. `parts` are the fields that are not JSON as they are.

    The last fields, `added` by a later release, are left out while they have their defaults and nothing follows.
    """

    def __init__(self, of: type[P], *, added: Sequence[str] = (), **parts: "Part | PositionFormat[Any]") -> None:
        self._of = of
        self._fields = tuple((name, parts.get(name)) for name in _known(of))
        self._added = tuple((name, default_of(_known(of)[name])) for name in reversed(added))

    def write(self, value: P) -> list[Any]:
        known = [_written(part, getattr(value, name)) for name, part in self._fields]
        for name, default in () if value.newer else self._added:
            if getattr(value, name) != default:
                break
            known.pop()
        return [*known, *value.newer]

    def read(self, stored: list[Any]) -> P:
        # Not strict: an older row is shorter, a newer one is longer.
        known = [_read(part, each) for (_, part), each in zip(self._fields, stored, strict=False)]
        return self._of(*known, newer=tuple(stored[len(self._fields) :]))


class NameFormat(Generic[N]):
    """A JSON object of a value's fields, without those that have their default: a wallet is written with each call."""

    def __init__(self, of: type[N], **parts: Part) -> None:
        self._of = of
        self._fields = {name: (parts.get(name), default_of(each)) for name, each in _known(of).items()}

    def write(self, value: N) -> dict[str, Any]:
        known = {
            name: _written(part, told)
            for name, (part, default) in self._fields.items()
            if (told := getattr(value, name)) != default
        }
        return {**known, **value.newer}

    def read(self, stored: Mapping[str, Any]) -> N:
        known = {name: _read(part, stored[name]) for name, (part, _) in self._fields.items() if name in stored}
        return self._of(**known, newer=_unknown(stored, self._fields))


class MapFormat(Generic[N]):
    """A map of DynamoDB's of a value's fields, each written by its attribute, under the attribute's name if it has one.

    One with `null=True` is left out while it has its default.
    """

    def __init__(self, of: type[N], **attributes: Attribute[Any]) -> None:
        self._of = of
        self._members: dict[str, tuple[str, Attribute[Any], Any]] = {}
        for field, each in _known(of).items():
            attribute = attributes[field]
            attribute.attr_name = attribute.attr_name or field
            left_out = default_of(each) if attribute.null else MISSING
            self._members[attribute.attr_name] = field, attribute, left_out

    def write(self, value: N) -> dict[str, Any]:
        known = {
            name: {attribute.attr_type: attribute.serialize(told)}
            for name, (field, attribute, left_out) in self._members.items()
            if (told := getattr(value, field)) != left_out
        }
        return {**known, **value.newer}

    def read(self, stored: Mapping[str, Any]) -> N:
        known = {
            field: attribute.deserialize(attribute.get_value(stored[name]))
            for name, (field, attribute, _) in self._members.items()
            if name in stored
        }
        return self._of(**known, newer=_unknown(stored, self._members))


def default_of(field: Field[Any]) -> Any:
    """MISSING, which no value equals, where there is none."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def pick_known(of: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are fields of `of`. For what is never written again, so that nothing need be kept."""
    known = _known(of)
    return {name: value for name, value in stored.items() if name in known}


def _known(of: type) -> dict[str, Field[Any]]:
    return {field.name: field for field in fields(of) if field.name != "newer"}


def _unknown(stored: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name not in known}


def _written(part: Part | PositionFormat[Any] | None, value: Any) -> Any:
    return value if part is None or value is None else part.write(value)


def _read(part: Part | PositionFormat[Any] | None, stored: Any) -> Any:
    return stored if part is None or stored is None else part.read(stored)
