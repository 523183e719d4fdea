"""Rows in DynamoDB's types, and how a test brings them into a table and out of it without the store's readers."""

from typing import Any

from pynamodb.models import Model

from billing.store.database import Database, Item

PRESENT, ABSENT = "there", "not_there"
EVERY_TYPE: Item = {
    "text": {"S": 'مكالمة "7"\n\\ \x7f 😀 é e\u0301'},
    "empty_text": {"S": ""},
    "number": {"N": "-120000"},
    "bytes": {"B": bytes(range(256))},
    "empty_bytes": {"B": b""},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "empty_map": {"M": {}},
    "empty_list": {"L": []},
    "map": {"M": {"liability:paid_credit": {"N": "-1"}, "دقائق": {"M": {"deep": {"L": [{"B": b"\x00"}, {"S": ""}]}}}}},
    "list": {"L": [{"M": {"expires_at": {"S": "x"}}}, {"N": "2"}]},
    "name with spaces|and:signs": {"N": "0"},
}
"""A value of each kind that the store writes, or that an earlier release wrote, by the name of its attribute."""


def page_key(number: int = 0, account_id: str = "acme") -> Item:
    return {"account_id": {"S": account_id}, "page_number": {"N": str(number)}}


def leased(number: int = 0, *, version: int = 1, account_id: str = "acme") -> Item:
    """A page of leases, in which there is none."""
    return {
        **page_key(number, account_id),
        "version": {"N": str(version)},
        "pages": {"N": "1"},
        "leases": {"B": b""},
    }


def put(database: Database, model: type[Model], *items: Item) -> None:
    for item in items:
        database.client.put_item(TableName=database.table(model), Item=item)


def row_of(database: Database, model: type[Model], key: Item) -> Any:
    """The row as the table has it, None if there is none."""
    return database.client.get_item(TableName=database.table(model), Key=key, ConsistentRead=True).get("Item")
