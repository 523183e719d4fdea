"""The JSON Schemas of usage events, as `events/` has them, in the form in which OpenAPI's clients read them."""

import json
from pathlib import Path
from typing import Any

from billing.api.event_requests import MAX_EVENTS

# Links to events/*/schema.json, which the layer ships as the files themselves.
_FOLDER = Path(__file__).with_name("usage_events")
_EVENTS = {"CallEnded": "call_ended", "UsageRecorded": "usage_recorded"}
_REFERENCE = "#/$defs/"
_COMPONENT = "#/components/schemas/"


def event_schemas() -> dict[str, Any]:
    """By their names as components. A definition that is an object becomes a component, any other stands in its place.

    Generators of clients make a class of a component, and stumble over a schema that has definitions of its own.
    """
    components: dict[str, Any] = {}
    for name, file in _EVENTS.items():
        schema = json.loads((_FOLDER / f"{file}.json").read_text(encoding="utf-8"))
        definitions = schema.pop("$defs")
        del schema["$schema"]
        # Generators prefer a title to the component's name, and this one is a sentence.
        schema["description"] = f"{schema.pop('title')}. {schema['description']}"
        names = {"data": f"{name}Data", "line": "UsageEventLine"}
        components[name] = _resolved(schema, definitions, names)
        components |= {names[each]: _resolved(definitions[each], definitions, names) for each in names}
    mapping = {"call.ended": _COMPONENT + "CallEnded", "usage.recorded": _COMPONENT + "UsageRecorded"}
    event = {
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    # `unevaluatedItems` says of an array without `items` what `items` would. openapi-python-client passes such a schema
    # over; of a list beside other bodies it makes code that raises TypeError for every event, also for a single one.
    batch = {"type": "array", "maxItems": MAX_EVENTS, "unevaluatedItems": {"$ref": _COMPONENT + "UsageEvent"}}
    return {**components, "UsageEvent": event, "UsageEventBatch": batch}


def _resolved(schema: Any, definitions: dict[str, Any], names: dict[str, str]) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(schema, list):
        return [_resolved(each, definitions, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    resolved = {key: _resolved(value, definitions, names) for key, value in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return resolved
    definition = schema["$ref"].removeprefix(_REFERENCE)
    if definition in names:
        return {"$ref": _COMPONENT + names[definition], **resolved}
    return {**_resolved(definitions[definition], definitions, names), **resolved}
