"""Cursors lead through a list, and only through the list and the account they were made for."""

import base64
import json

import pytest

from billing.domain.errors import InvalidValue
from billing.store.database import Database
from billing.store.workspaces import Workspaces
from tests.builders import NOW, call, plan
from tests.platform_of_one import World


def forged(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "A" * 3000,
        forged([]),
        forged({"workspace_id": {"S": "\ud800"}, "account_id": {"S": "acme"}}),
        forged({"workspace_id": {"S": "w" * 1025}, "account_id": {"S": "acme"}}),
        forged({}),
        forged({"workspace_id": {"S": "a"}}),
        forged({"workspace_id": {"N": "1"}, "account_id": {"S": "acme"}}),
        forged({"workspace_id": {"S": ""}, "account_id": {"S": "acme"}}),
        forged({"workspace_id": {"S": 0}, "account_id": {"S": "acme"}}),
        forged({"workspace_id": {"S": "a"}, "account_id": {"S": "acme"}, "more": {"S": "x"}}),
        forged({"workspace_id": {"M": {}}, "account_id": {"S": "acme"}}),
    ],
)
def test_a_cursor_that_was_not_made_here_is_refused_by_its_field(database: Database, cursor: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Workspaces(database).page("acme", 10, cursor)
    assert refused.value.field == "cursor"


def test_a_cursor_of_one_account_shows_nothing_of_it_to_another(database: Database) -> None:
    store = World(database)
    store.open_account(plan(), paid="1")
    store.open_account(plan(), account_id="globex", workspaces=("77",), paid="1")
    store.settle(*(call(f"e{n}") for n in range(5)), call("theirs", workspace_id="77"), now=NOW)
    cursor = store.books.page("acme", 2, None).next_cursor
    assert {entry.account_id for entry in store.books.page("globex", 10, cursor).items} <= {"globex"}
