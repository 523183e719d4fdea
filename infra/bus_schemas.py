"""What events/bus/ says of the product's own events, written from the code: `make schemas`.

One schema holds what all events have: the envelope, and what money, a time and a card look like. The schema of a type
says the type and its `data`, by the fields of its facts. Schemas refer to each other by `$id`: register the envelope
with the validator, and no network is needed.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from billing.contracts.bus_events import BUS_SOURCE, cloud_event
from billing.domain.money import Money
from billing.domain.month import Month
from billing.domain.notice_facts import FACTS, Facts
from billing.domain.notice_types import NoticeType
from billing.domain.transaction import CardFace
from infra.bus_samples import SAMPLES
from infra.paths import EVENTS

BUS = EVENTS / "bus"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_HOME = "https://talktime.example/events/bus/"
_ENVELOPE_FILE = "envelope.schema.json"

Schema = dict[str, Any]


def _exactly(**properties: Schema) -> Schema:
    """An object of these members and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_TEXT: Schema = {"type": "string"}
_ALWAYS: Mapping[str, Schema] = {
    "specversion": {"const": "1.0"},
    "id": {
        "description": "It follows from the cause: whoever has heard it before knows.",
        "type": "string",
        "pattern": "^evt_[0-9a-f]{32}$",
    },
    "source": {"const": BUS_SOURCE},
    "type": _TEXT,
    "time": {"$ref": "#/$defs/time"},
    "datacontenttype": {"const": "application/json"},
    "data": {"type": "object"},
}
_SOMETIMES: Mapping[str, Schema] = {
    "subject": {"description": "The account's id.", "type": "string"},
    "sequence": {
        "description": "Of two events of an account that have one, the higher says what holds now. "
        "Numbers are left out between them.",
        "type": "string",
        "pattern": "^[0-9]{20}$",
    },
}
_VALUES: Mapping[str, Schema] = {
    "money": {
        "description": "Major units to six places, and an ISO 4217 currency.",
        **_exactly(
            amount={"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{6}$"},
            currency={"type": "string", "pattern": "^[A-Z]{3}$"},
        ),
    },
    "time": {
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    },
    "card": _exactly(brand=_TEXT, last4={"type": "string", "pattern": "^[0-9]{4}$"}),
    "month": {"type": "string", "pattern": "^[0-9]{4}-(?:0[1-9]|1[0-2])$"},
}


def _defined(name: str) -> Schema:
    return {"$ref": f"{_ENVELOPE_FILE}#/$defs/{name}"}


_BY_TYPE: Mapping[type, Schema] = {
    str: _TEXT,
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Money: _defined("money"),
    datetime: _defined("time"),
    CardFace: _defined("card"),
    Month: _defined("month"),
}


def envelope() -> Schema:
    return {
        "$schema": _DRAFT,
        "$id": _HOME + _ENVELOPE_FILE,
        "title": "An event of the product's own",
        "description": "A CloudEvent 1.0. The schema of its type says whether it has a subject and a sequence, "
        "and what its data are.",
        "type": "object",
        "properties": dict(_ALWAYS),
        "required": list(_ALWAYS),
        "$defs": {**_SOMETIMES, **_VALUES},
    }


def schema(event_type: NoticeType) -> Schema:
    """A sample says whether the events of the type have a subject and a sequence: all of them do, or none does."""
    facts = FACTS[event_type]
    also = [name for name in _SOMETIMES if name in cloud_event(SAMPLES[event_type])]
    return {
        "$schema": _DRAFT,
        "$id": f"{_HOME}{event_type}.schema.json",
        "title": event_type,
        "description": " ".join((facts.__doc__ or "").split()),
        "$ref": _ENVELOPE_FILE,
        "properties": {
            "type": {"const": event_type},
            **{name: _defined(name) for name in also},
            "data": _data(facts),
        },
        **({"required": also} if also else {}),
        "unevaluatedProperties": False,
    }


def _data(facts: type[Facts]) -> Schema:
    hints = get_type_hints(facts)
    return _exactly(**{each.name: {**_of_type(hints[each.name]), **each.metadata} for each in fields(facts)})


def _of_type(hint: Any) -> Schema:  # noqa: ANN401  (a type, `X | None`, or a Literal)
    values = list(get_args(hint))
    if get_origin(hint) is Literal:
        return {"enum": values} if len(values) > 1 else {"const": values[0]}
    return {"anyOf": [_of_type(each) for each in values]} if values else _BY_TYPE[hint]


def files() -> dict[str, str]:
    """All that events/bus/ holds, by its file's name."""
    values: dict[str, Mapping[str, object]] = {_ENVELOPE_FILE: envelope()}
    for event_type, sample in SAMPLES.items():
        values[f"{event_type}.schema.json"] = schema(event_type)
        values[f"{event_type}.json"] = cloud_event(sample)
    return {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in values.items()}


def main() -> None:
    wanted = files()
    for stale in {path.name for path in BUS.iterdir()} - wanted.keys():
        (BUS / stale).unlink()
    for name, text in wanted.items():
        (BUS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
