"""Items that move from version to version: the part of a transaction that does so."""

from pynamodb.models import Model

from billing.store.database import Database, Item


def versioned_update(database: Database, model: type[Model], key: str, item: Item, before_version: int) -> Item:
    """Make the item of `key` what `item` says, where it still is at `before_version`.

    Attributes are set one by one and never the item as a whole: a deployed release that knows one attribute more must
    not lose it to one that does not, while both run.
    """
    fields = {name: value for name, value in item.items() if name != key}
    names = {f"#{position}": name for position, name in enumerate(fields)}
    gone = [name for name in model.get_attributes() if name not in item]
    names |= {f"#gone{position}": name for position, name in enumerate(gone)}
    expression = "SET " + ", ".join(f"#{position} = :{position}" for position in range(len(fields)))
    if gone:
        expression += " REMOVE " + ", ".join(f"#gone{position}" for position in range(len(gone)))
    return {
        "Update": {
            "TableName": database.table(model),
            "Key": {key: item[key]},
            "UpdateExpression": expression,
            "ConditionExpression": "version = :before",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                ":before": {"N": str(before_version)},
                **{f":{position}": value for position, value in enumerate(fields.values())},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
