"""From what a request says to what a model holds, or a refusal that names each field at fault."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from billing.contracts.json_text import AmbiguousObject
from billing.web.http import RequestRefused

T = TypeVar("T")

MAX_ERRORS = 20
_MAX_FIELD_CHARACTERS = 200

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
    "string_type": "must be a string",
    "list_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "bool_type": "must be true or false",
}


def validate(adapter: TypeAdapter[T], value: object, *, within: str = "") -> T:
    """`value` as the adapter's type. Raises RequestRefused (422 `invalid_value`), with an error for each field."""
    ambiguous = [{"field": field, "detail": "must not have a field twice"} for field in _ambiguous(value, within)]
    if ambiguous:
        raise _refusal(ambiguous)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _refusal([{"field": _path(each["loc"], within), "detail": _words(each)} for each in found]) from error


def _refusal(errors: Sequence[Mapping[str, str]]) -> RequestRefused:
    first = errors[0]
    return RequestRefused(
        "invalid_value",
        f"{first['field'] or 'the body'} {first['detail']}",
        field=first["field"] or None,
        errors=list(errors[:MAX_ERRORS]),
    )


def _words(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    context = error.get("ctx", {})
    match kind:
        case "literal_error":
            return f"must be {context['expected']}"
        case "too_short":
            return f"must have at least {context['min_length']}"
        case "too_long":
            return f"must have at most {context['max_length']}"
        case _:
            return error["msg"]


def _path(location: Sequence[int | str], within: str) -> str:
    """`usage_features[0].key`: the name that the problem is with, as a program would write it."""
    path = within
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += f".{step}" if path else step
    path = path if path.isprintable() else ascii(path)
    return path[:_MAX_FIELD_CHARACTERS]


def _ambiguous(value: object, within: str) -> Iterator[str]:
    """The objects in which a name stands twice. Not recursive: a body may be nested deeper than Python's stack."""
    left: list[tuple[object, str]] = [(value, within)]
    while left:
        value, path = left.pop()
        if isinstance(value, AmbiguousObject):
            yield path
        if isinstance(value, Mapping):
            left.extend((member, f"{path}.{name}" if path else str(name)) for name, member in value.items())
        elif isinstance(value, list):
            left.extend((member, f"{path}[{index}]") for index, member in enumerate(value))
