"""What all tables have in common: how a model's items are written, and how a table is made from its model.

Each model stands on top of its table's own module; `all_tables` lists them. Models describe; the Database moves.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pynamodb.attributes import TTLAttribute
from pynamodb.models import Model

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef

Item = dict[str, Any]

T = TypeVar("T")

log = logging.getLogger(__name__)


def raw_item(model: type[Model], /, **values: Any) -> dict[str, Any]:
    """An item in DynamoDB's types, each value written by the model's attribute of its name; None is left out.

    It is what the model's instance would serialize, in a third of the CPU: settling writes thousands of them.
    """
    writers = _writers(model)
    item: dict[str, Any] = {}
    for name, value in values.items():
        if value is not None:
            kind, serialize = writers[name]
            item[name] = {kind: serialize(value)}
    return item


@cache
def _writers(model: type[Model]) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """DynamoDB's type of each attribute, and what writes its value."""
    return {name: (attribute.attr_type, attribute.serialize) for name, attribute in model.get_attributes().items()}


def readable(model: type[Model], items: Iterable[Item], read: Callable[[Item], T]) -> Iterator[T]:
    """What can be read of rows of several accounts. A broken one holds up no other, and the log has its key."""
    for item in items:
        try:
            row = read(item)
        except Exception:
            log.exception("a row cannot be read", extra={"table": model.Meta.table_name, "key": _key_of(model, item)})
        else:
            yield row


def item_update(model: type[Model], item: dict[str, Any], *, condition: str, **compared: Any) -> dict[str, Any]:
    """What an UpdateItem says to make the row of these keys what `item` says, there or not, where `condition` holds.

    Each attribute is set or removed by itself, never the row put as a whole: what a newer release stored beside them
    stays. The condition calls a written attribute `#name`, and `:name` each of `compared`, in DynamoDB's types.
    """
    keys, others = _names(model)
    written = [name for name in others if name in item]
    removed = [name for name in others if name not in item]
    expression = "SET " + ", ".join(f"#{name} = :new_{name}" for name in written)
    if removed:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    return {
        "Key": {name: item[name] for name in keys},
        "UpdateExpression": expression,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in others},
        "ExpressionAttributeValues": {
            **{f":new_{name}": item[name] for name in written},
            **{f":{name}": value for name, value in compared.items()},
        },
    }


def _key_of(model: type[Model], item: Item) -> Item:
    keys, _ = _names(model)
    return {name: item.get(name) for name in keys}


@cache
def _names(model: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of a model's keys, and of its other attributes."""
    attributes: Mapping[str, Any] = model.get_attributes()
    keys = tuple(name for name, each in attributes.items() if each.is_hash_key or each.is_range_key)
    return keys, tuple(name for name in attributes if name not in keys)


def table_definition(model: type[Model]) -> "CreateTableInputTypeDef":
    """The arguments of CreateTable that say a table's name, keys and indexes, for an on-demand table."""
    schema = model._get_schema()  # noqa: SLF001  (PynamoDB offers a model's keys nowhere else)
    definition: dict[str, Any] = {
        "TableName": model.Meta.table_name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _hash_first(schema["key_schema"]),
        "AttributeDefinitions": schema["attribute_definitions"],
    }
    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": _hash_first(index["key_schema"]),
            "Projection": _projection(index["projection"]),
        }
        for index in schema["global_secondary_indexes"]
    ]
    if indexes:
        definition["GlobalSecondaryIndexes"] = indexes
    stream = stream_of(model)
    if stream:
        definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    return cast("CreateTableInputTypeDef", definition)


def _projection(schema: Mapping[str, Any]) -> dict[str, Any]:
    """PynamoDB states the attributes of an index as null where it does not name them."""
    return {name: value for name, value in schema.items() if value}


def stream_of(model: type[Model]) -> str | None:
    """What the table's stream shows of a change; None where it has no stream."""
    shown: str | None = getattr(model.Meta, "stream_view_type", None)
    return shown


def expiry_attribute(model: type[Model]) -> str | None:
    """The attribute by which DynamoDB removes an item some time after it expired; None where items stay."""
    names = [name for name, attribute in model.get_attributes().items() if isinstance(attribute, TTLAttribute)]
    return names[0] if names else None


def _hash_first(key_schema: Any) -> list[dict[str, str]]:
    return sorted(key_schema, key=lambda key: key["KeyType"] != "HASH")
