"""A row that nobody can read harms the account whose it is, and nobody else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.exceptions import AttributeDeserializationError

from billing.domain import lease
from billing.domain.card import Card
from billing.domain.delivery import Delivery
from billing.domain.plan import RecurringFeature
from billing.domain.webhook_endpoint import WebhookEndpoint
from billing.services.announce_expiring_cards import announce_expiring_cards
from billing.services.leases import CallLeases
from billing.services.settle_usage import Outcome, UsageSettlement
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents
from billing.store.store import Store
from tests.builders import NOW, call, calls_feature, micros, plan, received
from tests.platform_of_one import World, assert_books_balance
from tests.telling_house import SECRET

ACCOUNTS = 100
BROKEN = "acme-42"
UNREADABLE = {"S": "twelve"}
SLOTS = RecurringFeature("call_concurrency", "Slots", included=5, unit_price_micros=0)


def break_row(database: Database, table: str, key: dict[str, Any], attribute: str) -> None:
    """Overwrite an attribute with a value of a type that no release has written."""
    database.client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #broken = :broken",
        ExpressionAttributeNames={"#broken": attribute},
        ExpressionAttributeValues={":broken": UNREADABLE},
    )


def make_unreadable(database: Database, account_id: str) -> None:
    break_row(database, "wallets", {"account_id": {"S": account_id}}, "paid_micros")


def make_unreadable_within(database: Database, account_id: str) -> None:
    """The attribute is of its type, what it holds is not."""
    break_row(database, "wallets", {"account_id": {"S": account_id}}, "refill")


def remove(database: Database, account_id: str) -> None:
    database.client.delete_item(TableName="wallets", Key={"account_id": {"S": account_id}})


@pytest.fixture
def a_hundred_accounts(database: Database) -> World:
    world = World(database)
    for number in range(ACCOUNTS):
        account_id = f"acme-{number}"
        world.open_account(plan(calls_feature()), account_id=account_id, workspaces=(f"w{number}",), paid="1")
    return world


@pytest.mark.parametrize("harm", [make_unreadable, make_unreadable_within, remove])
def test_of_a_hundred_accounts_the_one_with_a_broken_wallet_fails_alone(
    a_hundred_accounts: World, harm: Callable[[Database, str], None]
) -> None:
    world = a_hundred_accounts
    harm(world.database, BROKEN)
    batch = [
        received(call(f"e{number}-{n}", seconds="30", workspace_id=f"w{number}"))
        for number in range(ACCOUNTS)
        for n in range(2)
    ]
    outcome = UsageSettlement(world).settle_batch(batch, NOW)
    assert outcome.failed == {"message-of-e42-0", "message-of-e42-1"}
    assert len(outcome.settled) == 2 * (ACCOUNTS - 1)
    assert (outcome.rejected, outcome.duplicates) == (0, 0)
    healthy = [f"acme-{number}" for number in range(ACCOUNTS) if f"acme-{number}" != BROKEN]
    assert {world.wallet(account_id).balance_micros for account_id in healthy} == {micros("0.88")}
    for account_id in healthy[:3]:
        assert_books_balance(world, account_id)


def test_what_failed_for_a_broken_wallet_is_charged_once_it_is_repaired(a_hundred_accounts: World) -> None:
    world = a_hundred_accounts
    whole = world.database.client.get_item(TableName="wallets", Key={"account_id": {"S": BROKEN}})["Item"]
    make_unreadable(world.database, BROKEN)
    message = received(call("e", seconds="30", workspace_id="w42"))
    assert UsageSettlement(world).settle_batch([message], NOW).failed == {message.message_id}
    world.database.client.put_item(TableName="wallets", Item=whole)
    again = received(message.queued.event, redelivered=True)
    assert len(UsageSettlement(world).settle_batch([again], NOW).settled) == 1
    assert_books_balance(world, BROKEN)


@pytest.mark.parametrize("redelivered", [False, True])
def test_an_entry_that_cannot_be_read_fails_its_own_message_alone(database: Database, *, redelivered: bool) -> None:
    world = World(database)
    world.open_account(plan(calls_feature()), paid="1")
    world.settle(call("a", seconds="30"))
    break_row(database, "ledger_entries", {"cause": {"S": call("a").cause}}, "amount_micros")
    batch = [received(call(event_id, seconds="30"), redelivered=redelivered) for event_id in ("a", "b", "c")]
    outcome = UsageSettlement(world).settle_batch(batch, NOW)
    assert (outcome.failed, len(outcome.settled)) == ({"message-of-a"}, 2)


@pytest.fixture
def two_calling(database: Database) -> World:
    """Acme and Globex with five slots each, of which a call of each holds one."""
    world = World(database)
    five_slots = plan(calls_feature(), recurring=(SLOTS,))
    for account_id, workspace_id, event_id in (("acme", "42", "a"), ("globex", "77", "b")):
        own = replace(five_slots, plan_id=f"plan-of-{account_id}")
        world.open_account(own, account_id=account_id, workspaces=(workspace_id,), paid="1")
        CallLeases(world).hold(workspace_id, f"call-of-{event_id}", ttl_seconds=900, bound_to=None, now=NOW)
    return world


def end_both_calls(database: Database) -> Outcome:
    """In a process that has read nothing yet."""
    batch = [received(call("a", workspace_id="42")), received(call("b", workspace_id="77"))]
    return UsageSettlement(Store(database)).settle_batch(batch, NOW)


def slots_of_globex(database: Database) -> int:
    return lease.in_use(Store(database).leases.of_account("globex"), NOW)


FIRST_PAGE_OF_ACME = {"account_id": {"S": "acme"}, "page_number": {"N": "0"}}


def break_first_page(database: Database) -> None:
    break_row(database, "leases", FIRST_PAGE_OF_ACME, "pages")


def break_second_page(database: Database) -> None:
    database.client.update_item(
        TableName="leases",
        Key=FIRST_PAGE_OF_ACME,
        UpdateExpression="SET pages = :two",
        ExpressionAttributeValues={":two": {"N": "2"}},
    )
    break_row(database, "leases", {**FIRST_PAGE_OF_ACME, "page_number": {"N": "1"}}, "pages")


@pytest.mark.parametrize("harm", [break_first_page, break_second_page])
def test_a_lease_page_that_cannot_be_read_leaves_the_slots_of_others_to_be_given_back(
    two_calling: World, harm: Callable[[Database], None]
) -> None:
    database = two_calling.database
    harm(database)
    outcome = end_both_calls(database)
    assert (outcome.failed, len(outcome.settled), slots_of_globex(database)) == (set(), 2, 0)
    with pytest.raises(AttributeDeserializationError):
        CallLeases(two_calling).give_back("42", "call-of-a", bound_to=None, now=NOW)


def test_a_plan_that_cannot_be_read_fails_the_messages_of_its_accounts_alone(two_calling: World) -> None:
    database = two_calling.database
    break_row(database, "plans", {"plan_id": {"S": "plan-of-acme"}, "version": {"N": "1"}}, "usage_features")
    outcome = end_both_calls(database)
    assert (outcome.failed, len(outcome.settled), slots_of_globex(database)) == ({"message-of-a"}, 1, 0)


def test_the_events_of_a_workspace_that_cannot_be_read_are_kept_and_others_settle(two_calling: World) -> None:
    database = two_calling.database
    database.client.update_item(
        TableName="workspaces", Key={"workspace_id": {"S": "42"}}, UpdateExpression="REMOVE account_id, tenures"
    )
    outcome = end_both_calls(database)
    assert (outcome.failed, len(outcome.settled), outcome.rejected) == (set(), 1, 1)
    (kept,) = two_calling.rejected_events.page("open", 10, None).items
    assert kept.code == "unknown_workspace"


def test_a_rejection_that_cannot_be_kept_comes_again_alone(two_calling: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database = two_calling.database

    def too_large(*_: object) -> None:
        raise ValueError("Item size has exceeded the maximum allowed size")

    monkeypatch.setattr(RejectedEvents, "keep", too_large)
    batch = [received(call("x", workspace_id="nobody's")), received(call("b", workspace_id="77"))]
    outcome = UsageSettlement(Store(database)).settle_batch(batch, NOW)
    assert (outcome.failed, len(outcome.settled), outcome.rejected) == ({"message-of-x"}, 1, 0)


def test_a_card_that_cannot_be_read_holds_up_no_other_announcement(database: Database) -> None:
    store = Store(database)
    for account_id in ("acme", "globex", "initech"):
        store.cards.add(Card(account_id, "fp", "pm_1", "visa", "4242", 12, 2026, "verified", NOW))
    break_row(database, "payment_methods", {"account_id": {"S": "globex"}, "card_fingerprint": {"S": "fp"}}, "added_at")
    assert announce_expiring_cards(store, NOW + timedelta(days=10)) == 2


def test_a_delivery_and_an_endpoint_that_cannot_be_read_hold_up_no_others(database: Database) -> None:
    store = Store(database)
    for number in range(3):
        store.webhook_endpoints.add(WebhookEndpoint(f"we_{number}", "https://a.example/", (), "", NOW), SECRET)
        store.deliveries.add(Delivery(f"we_{number}", "evt_1", "account.paused", "acme", "{}", NOW, due_at=NOW))
    break_row(database, "webhook_endpoints", {"endpoint_id": {"S": "we_1"}}, "created_at")
    break_row(database, "deliveries", {"destination": {"S": "we_1"}, "event_id": {"S": "evt_1"}}, "attempts")
    assert [each.endpoint_id for each in store.webhook_endpoints.all()] == ["we_0", "we_2"]
    assert sorted(each.destination for each in store.deliveries.due(NOW, 10)) == ["we_0", "we_2"]
