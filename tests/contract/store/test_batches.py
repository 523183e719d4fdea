"""Batch reads: of one table or several, of more keys than a request takes, and of more bytes than an answer has."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from billing.store.accounts import AccountItem
from billing.store.database import Database
from billing.store.leases import LeasePageItem
from billing.store.wallets import WalletItem
from tests.contract.samples import ACCOUNT, LEASES
from tests.contract.store.items import leased, put
from tests.contract.test_stored_rows import golden
from tests.platform_of_one import World

LARGE = 300_000


def accounts(count: int, size: int = 1) -> list[Any]:
    return [{"account_id": {"S": f"a-{number}"}, "name": {"S": "x" * size}} for number in range(count)]


def keys(count: int) -> list[dict[str, str]]:
    return [{"account_id": f"a-{number}"} for number in range(count)]


def counted(database: Database) -> list[Any]:
    """The requests of batch reads from now on."""
    requests: list[Any] = []
    database.client.meta.events.register(
        "provide-client-params.dynamodb.BatchGetItem", lambda params, **_: requests.append(params)
    )
    return requests


def test_what_is_not_there_is_left_out_and_each_key_is_read_once(database: Database) -> None:
    put(database, AccountItem, *accounts(230)[::2])
    requests = counted(database)
    found = sorted(item["account_id"]["S"] for item in database.get_many(AccountItem, keys(230)))
    assert found == sorted(f"a-{number}" for number in range(0, 230, 2))
    assert [len(each["RequestItems"]["accounts"]["Keys"]) for each in requests] == [100, 100, 30]
    assert list(database.get_many(AccountItem, [])) == []


def test_rows_of_two_tables_are_read_in_one_request(store: World) -> None:
    database = store.database
    assert database.table(LeasePageItem) == "leases"
    assert store.leases.with_wallet("acme") == (None, [])
    store.accounts.create(ACCOUNT)
    requests = counted(database)
    assert store.leases.with_wallet("acme") == (store.wallet(), [])
    put(database, LeasePageItem, golden("0.1.0/leases"), {**leased(1), "version": {"N": "1"}})
    wallet, pages = store.leases.with_wallet("acme")
    assert (wallet, [page.number for page in pages], pages[0]) == (store.wallet(), [0, 1], LEASES)
    assert [sorted(each["RequestItems"]) for each in requests] == [["leases", "wallets"]] * 2
    database.delete(WalletItem, {"account_id": "acme"})
    assert store.leases.with_wallet("acme")[0] is None


def test_numbers_in_keys_are_read(database: Database) -> None:
    put(database, LeasePageItem, leased(0), leased(10))
    wanted = [{"account_id": "acme", "page_number": number} for number in (0, 1, 10)]
    found = [item["page_number"]["N"] for item in database.get_many(LeasePageItem, wanted)]
    assert sorted(found) == ["0", "10"]


def test_rows_of_more_than_an_answer_holds_are_all_read(database: Database) -> None:
    """16 MB: DynamoDB leaves the rest as unprocessed keys, which are asked for again as they were answered."""
    put(database, AccountItem, *accounts(60, LARGE))
    found = [item["account_id"]["S"] for item in database.get_many(AccountItem, keys(60))]
    assert sorted(found) == sorted(f"a-{number}" for number in range(60))


def test_an_answer_ends_at_sixteen_megabytes(database: Database) -> None:
    put(database, AccountItem, *accounts(60, LARGE))
    requests = counted(database)
    assert len(list(database.get_many(AccountItem, keys(60)))) == 60
    assert len(requests) == 2
    rest = requests[1]["RequestItems"]["accounts"]
    assert rest["ConsistentRead"] is True
    assert 0 < len(rest["Keys"]) < 10


def test_a_key_that_is_asked_for_twice_is_refused(database: Database) -> None:
    """So whoever reads many must ask for distinct keys."""
    put(database, AccountItem, *accounts(1))
    with pytest.raises(ClientError, match="duplicates"):
        list(database.get_many(AccountItem, [*keys(1), *keys(1)]))


def test_more_than_a_hundred_keys_at_once_are_refused(database: Database) -> None:
    wanted: Any = {database.table(AccountItem): {"Keys": [{"account_id": {"S": f"{n}"}} for n in range(101)]}}
    with pytest.raises(ClientError, match="ValidationE"):
        database.client.batch_get_item(RequestItems=wanted)
