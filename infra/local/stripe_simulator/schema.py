"""Stripe's OpenAPI description at work: parameters are read by it, answers and events are proved against it."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from infra.local.stripe_simulator.errors import Json, StripeError, invalid

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY_LENGTH = 40
MAX_METADATA_VALUE_LENGTH = 500

# Made by slice_spec.py, and committed.
SLICE_PATH = Path(__file__).with_name("stripe_spec_slice.json")
_SLICE: Json = json.loads(SLICE_PATH.read_text(encoding="utf-8"))
OPERATIONS: Json = _SLICE["operations"]
_SCHEMAS: Json = _SLICE["schemas"]

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
# Stripe takes an empty string as null here, though its description does not say so.
_UNSET_BY_EMPTY = {"description", "email", "name", "phone"}
_INTEGER = re.compile(r"[+-]?\d{1,18}")


class NotAsStripe(AssertionError):
    """The simulator made something that Stripe's own description forbids: a bug here, never the caller's."""


def read_params(operation: str, encoded: str) -> Json:
    """Decode a query or form body into typed parameters, or raise what Stripe answers to unknown or ill-typed ones."""
    schema = OPERATIONS[operation]["request"]
    params: Json = _read(decode_form(encoded), schema, "")
    _check_metadata(params.get("metadata"), "metadata")
    for parent in ("payment_intent_data", "setup_intent_data"):
        _check_metadata(params.get(parent, {}).get("metadata"), f"{parent}[metadata]")
    return params


def decode_form(encoded: str) -> Json:
    """Stripe's bracket syntax as nested dicts: `a[b][0]=x` is {"a": {"b": {"0": "x"}}}; `a[]` counts up from 0."""
    tree: Json = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        match = _KEY.fullmatch(key)
        if match is None:
            raise invalid(f"Invalid parameter name: {key}", key)
        node, path = tree, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        for position, raw_step in enumerate(path):
            step = raw_step or str(len(node))
            if position == len(path) - 1:
                node[step] = value
            elif not isinstance(node.setdefault(step, {}), dict):
                raise invalid(f"Invalid parameter: {key}", key)
            else:
                node = node[step]
    return tree


def _read(value: object, schema: Json, name: str) -> Any:
    if "anyOf" in schema:
        return _read_any(value, schema["anyOf"], name)
    match schema.get("type"):
        case "object":
            return _read_object(value, schema, name)
        case "array":
            return [_read(item, schema["items"], f"{name}[{i}]") for i, item in enumerate(_items(value, name))]
        case "integer":
            if not isinstance(value, str) or not _INTEGER.fullmatch(value):
                raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
            return int(value)
        case "boolean":
            if value not in {"true", "false"}:
                raise invalid(f"Invalid boolean: {value}", name)
            return value == "true"
    return _read_string(value, schema, name)


def _read_any(value: object, branches: list[Json], name: str) -> Any:
    structured = {"object", "array"}
    fitting = [branch for branch in branches if isinstance(value, dict) == (branch.get("type") in structured)]
    refusal = invalid(f"Invalid value for {name}", name)
    for branch in fitting:
        try:
            return _read(value, branch, name)
        except StripeError as error:
            refusal = error
    raise refusal


def _read_object(value: object, schema: Json, name: str) -> Json:
    if not isinstance(value, dict):
        raise invalid("Invalid object", name, "parameter_invalid_object")
    extra = schema.get("additionalProperties")
    if extra:
        return {key: _read(item, extra, f"{name}[{key}]") for key, item in value.items()}
    for key in value:
        if key not in schema["properties"]:
            raise _unknown(_child(name, key), simulated=key not in schema.get("x-not-simulated", []))
    for key in schema.get("required", []):
        if key not in value:
            raise invalid(f"Missing required param: {_child(name, key)}.", _child(name, key), "parameter_missing")
    return {key: _read(item, schema["properties"][key], _child(name, key)) for key, item in value.items()}


def _read_string(value: object, schema: Json, name: str) -> str:
    if not isinstance(value, str):
        raise invalid("Invalid string", name, "parameter_invalid_string")
    allowed = schema.get("enum")
    if allowed is not None and value not in allowed:
        raise invalid(f"Invalid {name}: must be one of {', '.join(allowed)}", name)
    if value == "" and allowed is None and not _can_be_unset(name):
        message = f"You passed an empty string for '{name}', which cannot be unset."
        raise invalid(message, name, "parameter_invalid_empty")
    if len(value) > schema.get("maxLength", len(value)):
        message = f"Invalid string: must be at most {schema['maxLength']} characters"
        raise invalid(message, name, "parameter_invalid_string")
    return value


def _can_be_unset(name: str) -> bool:
    return name in _UNSET_BY_EMPTY or "metadata[" in name or name.startswith("address[")


def _items(value: object, name: str) -> list[object]:
    if not isinstance(value, dict) or not all(key.isdigit() for key in value):
        raise invalid("Invalid array", name, "parameter_invalid_array")
    return [value[key] for key in sorted(value, key=int)]


def _child(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key


def _unknown(name: str, *, simulated: bool) -> StripeError:
    if simulated:
        return invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    return invalid(f"Stripe has the parameter {name}, but this simulator does not", name, "parameter_unknown")


def _check_metadata(metadata: object, name: str) -> None:
    if not isinstance(metadata, dict):
        return
    if len(metadata) > MAX_METADATA_KEYS:
        raise invalid(f"Metadata can have at most {MAX_METADATA_KEYS} keys", name)
    for key, value in metadata.items():
        if len(key) > MAX_METADATA_KEY_LENGTH:
            raise invalid(f"Metadata keys can be at most {MAX_METADATA_KEY_LENGTH} characters long", f"{name}[{key}]")
        if len(value) > MAX_METADATA_VALUE_LENGTH:
            message = f"Metadata values can be at most {MAX_METADATA_VALUE_LENGTH} characters long"
            raise invalid(message, f"{name}[{key}]")


def check_answer(operation: str, body: Json) -> None:
    """Prove a 200 answer by the operation's response schema, or raise NotAsStripe."""
    _prove(f"response of {operation}", body, operation)


def check_error(body: Json) -> None:
    """Prove an error answer, or raise NotAsStripe."""
    _prove("error", body, "error")


def check_event(event: Json) -> None:
    """Prove an event and the snapshot in it, or raise NotAsStripe."""
    _prove("event", event, "event")
    snapshot = event["data"]["object"]
    _prove(snapshot["object"], snapshot, event["type"])


def blank(object_name: str) -> Json:
    """What a new object has before anything is known of it: null wherever Stripe allows null."""
    properties = _SCHEMAS[object_name]["properties"]
    new: Json = {name: None for name, value in properties.items() if value.get("nullable")}
    if "object" in properties:
        new["object"] = object_name
    if "livemode" in properties:
        new["livemode"] = False
    return new


def expansions(object_name: str) -> set[str]:
    """The properties of an object that hold an id and can be expanded to what it names."""
    properties = _SCHEMAS[object_name]["properties"]
    return {name for name, value in properties.items() if _is_expandable(value)}


def _is_expandable(schema: Json) -> bool:
    branches = schema.get("anyOf", [])
    return any(branch.get("type") == "string" for branch in branches) and any("$ref" in branch for branch in branches)


def _prove(name: str, value: Json, what: str) -> None:
    """The compiled validator proves, a hundred times as fast; where it refuses, the other one finds the words."""
    if _compiled(name).is_valid(value):
        return
    error = best_match(Draft202012Validator(_root(name)).iter_errors(value))
    where = f"{error.json_path} {error.message[:400]}" if error is not None else "as Stripe's description forbids"
    raise NotAsStripe(f"{what}: {where}")


@cache
def _compiled(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_root(name))


def _root(name: str) -> Json:
    operation = name.removeprefix("response of ")
    root = {"$ref": f"#/$defs/{name}"} if operation == name else _json_schema(OPERATIONS[operation]["response"])
    return root | {"$defs": _definitions()}


@cache
def _definitions() -> Json:
    return {name: _json_schema(schema) for name, schema in _SCHEMAS.items()}


def _json_schema(node: Json) -> Json:
    """OpenAPI 3.0 as JSON Schema, with Stripe's objects closed: a property that Stripe does not have is an error."""
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    schema = {key: value for key, value in node.items() if key in {"type", "enum", "maxLength", "maxItems", "required"}}
    if node.get("properties"):
        schema["properties"] = {name: _json_schema(value) for name, value in node["properties"].items()}
        schema["additionalProperties"] = False
    if isinstance(node.get("additionalProperties"), dict):
        schema["additionalProperties"] = _json_schema(node["additionalProperties"])
    if "items" in node:
        schema["items"] = _json_schema(node["items"])
    if "anyOf" in node:
        schema["anyOf"] = [_json_schema(branch) for branch in node["anyOf"]]
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") else schema
