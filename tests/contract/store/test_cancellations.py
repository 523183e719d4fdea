"""A transaction that is canceled says which item stopped it, why, and what the table held there."""

import pytest
from botocore.exceptions import ClientError

from billing.store.accounts import AccountItem
from billing.store.database import Canceled, Database, Item, Reason
from billing.store.leases import LeasePageItem
from tests.contract.store.items import ABSENT, PRESENT, leased, page_key, put, row_of

OLD: Item = {**leased(0, version=7), "pages": {"N": "3"}, "leases": {"B": b"\x00\xff\n"}}
REFUSED = "#version = :other"


def stopped(operation: str, number: int, returned: str) -> Item:
    """An item of a transaction whose condition does not hold, whether or not there is a row."""
    stop: Item = {
        "TableName": "leases",
        "ConditionExpression": REFUSED,
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":other": {"N": "8"}},
        "ReturnValuesOnConditionCheckFailure": returned,
    }
    if operation == "Put":
        return {"Put": {**stop, "Item": leased(number)}}
    if operation == "Update":
        stop["UpdateExpression"] = "SET pages = :other"
    return {operation: {**stop, "Key": page_key(number)}}


def canceled(database: Database, *items: Item) -> tuple[Reason | None, ...]:
    answer = database.transact(items)
    assert isinstance(answer, Canceled)
    return answer.reasons


@pytest.mark.parametrize("operation", ["Put", "Update", "Delete", "ConditionCheck"])
@pytest.mark.parametrize("there", [PRESENT, ABSENT])
@pytest.mark.parametrize("returned", ["ALL_OLD", "NONE"])
def test_the_reason_names_the_item_and_returns_what_was_there_if_it_is_asked_to(
    database: Database, operation: str, there: str, returned: str
) -> None:
    put(database, LeasePageItem, OLD)
    number = 0 if there == PRESENT else 1
    before, reason, after = canceled(
        database,
        {"Put": {"TableName": "leases", "Item": leased(2)}},
        stopped(operation, number, returned),
        {"Put": {"TableName": "leases", "Item": leased(3)}},
    )
    held = OLD if there == PRESENT and returned == "ALL_OLD" else None
    assert (before, reason, after) == (None, Reason("ConditionalCheckFailed", held), None)
    assert row_of(database, LeasePageItem, page_key(0)) == OLD
    assert row_of(database, LeasePageItem, page_key(1)) is None
    assert row_of(database, LeasePageItem, page_key(2)) is None


def test_all_items_that_stop_it_are_named_in_the_order_of_the_request(database: Database) -> None:
    put(database, LeasePageItem, OLD)
    put(database, AccountItem, {"account_id": {"S": "taken"}})
    reasons = canceled(
        database,
        database.put_new(AccountItem, {"account_id": {"S": "taken"}}, "account_id"),
        stopped("Update", 1, "ALL_OLD"),
        database.put_new(AccountItem, {"account_id": {"S": "free"}}, "account_id"),
        stopped("ConditionCheck", 0, "ALL_OLD"),
        database.put_new(LeasePageItem, leased(4), "account_id"),
    )
    assert reasons == (
        Reason("ConditionalCheckFailed", {"account_id": {"S": "taken"}}),
        Reason("ConditionalCheckFailed", None),
        None,
        Reason("ConditionalCheckFailed", OLD),
        None,
    )


def test_an_unwritable_value_is_an_error_and_no_lost_race(database: Database) -> None:
    put(database, LeasePageItem, {**OLD, "pages": {"S": "a text"}})
    add: Item = {
        "Update": {
            "TableName": "leases",
            "Key": page_key(0),
            "UpdateExpression": "ADD pages :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    # Canceled for a `ValidationError`, or refused before: either way, nobody may take it for a lost race.
    with pytest.raises(ClientError):
        database.transact([{"Put": {"TableName": "leases", "Item": leased(2)}}, add])
    assert row_of(database, LeasePageItem, page_key(2)) is None


@pytest.mark.parametrize("there", [PRESENT, ABSENT])
def test_a_single_write_whose_condition_does_not_hold_writes_nothing(database: Database, there: str) -> None:
    if there == PRESENT:
        put(database, LeasePageItem, OLD)
    key = {"account_id": "acme", "page_number": 0}
    item = leased(0, version=9)
    two = {"read": {"N": "2"}}
    assert not database.move(LeasePageItem, item, condition="#version = :read", **two)
    assert not database.update(
        LeasePageItem,
        key,
        UpdateExpression="SET pages = :read",
        ConditionExpression="pages = :read",
        ExpressionAttributeValues={":read": {"N": "2"}},
    )
    assert database.add(LeasePageItem, item, "account_id") is (there == ABSENT)
    assert row_of(database, LeasePageItem, page_key(0)) == (OLD if there == PRESENT else item)


def test_a_deletion_says_whether_there_was_a_row(database: Database) -> None:
    put(database, LeasePageItem, OLD)
    key = {"account_id": "acme", "page_number": 0}
    assert database.delete(LeasePageItem, key)
    assert not database.delete(LeasePageItem, key)
