"""Items that move from version to version: the part of a transaction that does so."""

from pynamodb.models import Model

from billing.store.database import Database, Item
from billing.store.tables import item_update


def versioned_update(database: Database, model: type[Model], item: Item, before_version: int) -> Item:
    """Make the row of the item's key what `item` says, where it still is at `before_version`."""
    update = item_update(model, item, condition="#version = :before", before={"N": str(before_version)})
    return {
        "Update": {
            "TableName": database.table(model),
            **update,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
