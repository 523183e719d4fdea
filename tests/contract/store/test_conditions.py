"""The conditions and the updates that the store writes: each operator, each function, and a row without it."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.stripe_event import StripeEvent
from billing.domain.webhook_endpoint import ROTATED_SECRET_LIVES
from billing.store.accounts import StripeCustomer
from billing.store.api_keys import ApiKeyItem
from billing.store.cards import PaymentMethodItem
from billing.store.database import Database, Item
from billing.store.deliveries import DeliveryItem
from billing.store.reconciliation import Deferral
from billing.store.rejected_events import RejectedEventItem
from billing.store.webhook_endpoints import WebhookSecretItem
from tests.contract.samples import (
    ACCOUNT,
    BOOKMARK,
    CARD,
    DELIVERY,
    END,
    ENDPOINT,
    KEY,
    NOW,
    REJECTED_AS_SENT,
    START,
    STRIPE_EVENT,
)
from tests.contract.store.items import put, row_of
from tests.platform_of_one import World

ROW: Item = {
    "account_id": {"S": "acme"},
    "card_fingerprint": {"S": "1"},
    "exp_month": {"N": "9"},
    "brand": {"S": "visa"},
    "open": {"S": "2026-11-23T12:00:00.000Z"},
    "known": {"BOOL": False},
}
COMPARED: Item = {
    ":9": {"N": "9"},
    ":10": {"N": "10"},
    ":text9": {"S": "9"},
    ":visa": {"S": "visa"},
    ":other": {"S": "jcb"},
    ":noon": {"S": "2026-11-23T12:00:00.000Z"},
    ":later": {"S": "2026-11-23T12:00:00.001Z"},
    ":no": {"BOOL": False},
    ":yes": {"BOOL": True},
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("attribute_exists(account_id)", True),
        ("attribute_exists(elsewhere)", False),
        ("attribute_not_exists(account_id)", False),
        ("attribute_not_exists(#elsewhere)", True),
        ("brand = :visa", True),
        ("brand = :other", False),
        ("elsewhere = :visa", False),
        ("exp_month = :9", True),
        ("exp_month = :text9", False),
        ("exp_month < :10", True),  # as numbers: as texts 9 is behind 10
        ("exp_month > :10", False),
        ("elsewhere > :9", False),
        ("elsewhere <= :noon", False),
        ("#open <= :noon", True),
        ("#open < :noon", False),
        ("#open < :later", True),
        ("known = :no", True),
        ("known = :yes", False),
        ("elsewhere = :no", False),
        ("attribute_not_exists(account_id) OR brand IN (:other, :visa)", True),
        ("attribute_not_exists(account_id) OR #elsewhere IN (:other, :visa)", False),
        ("brand = :visa AND exp_month = :9", True),
        ("brand = :visa AND exp_month = :10", False),
        ("brand = :other AND (exp_month = :9 OR known = :no)", False),
        ("brand = :other AND exp_month = :9 OR known = :no", True),
        ("attribute_exists(account_id) AND (attribute_not_exists(elsewhere) OR elsewhere <= :noon)", True),
    ],
)
def test_a_condition_on_a_row(database: Database, condition: str, *, holds: bool) -> None:
    put(database, PaymentMethodItem, ROW)
    names = {name: name[1:] for name in re.findall(r"#\w+", condition)}
    compared = {name: COMPARED[name] for name in re.findall(r":\w+", condition)}
    arguments: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
    key = {"account_id": "acme", "card_fingerprint": "1"}
    held = database.update(
        PaymentMethodItem,
        key,
        UpdateExpression="SET done_by = :set",
        ConditionExpression=condition,
        ExpressionAttributeValues={**compared, ":set": {"S": "done"}},
        **arguments,
    )
    assert held is holds
    after = row_of(database, PaymentMethodItem, {name: ROW[name] for name in key})
    assert after == ({**ROW, "done_by": {"S": "done"}} if holds else ROW)


def test_a_customer_is_kept_once_and_replaced_only_if_it_is_the_one_that_was_deleted(store: World) -> None:
    assert store.accounts.keep_customer("acme", "cus_0", "d") == "cus_0"  # no such account: nothing was written
    assert store.accounts.get("acme") is None
    store.accounts.create(ACCOUNT)
    assert store.accounts.keep_customer("acme", "cus_1", "d1") == "cus_1"
    assert store.accounts.keep_customer("acme", "cus_2", "d2") == "cus_1"
    store.accounts.replace_customer("acme", "cus_9", "cus_3", "d3")
    assert store.accounts.with_customer("acme") == (ACCOUNT, StripeCustomer("cus_1", "d1"))
    store.accounts.mark_customer("acme", StripeCustomer("cus_1", "d1"), "d4")
    assert store.accounts.with_customer("acme") == (ACCOUNT, StripeCustomer("cus_1", "d4"))
    store.accounts.mark_customer("acme", StripeCustomer("cus_1", "d1"), "d5")  # another was faster
    assert store.accounts.with_customer("acme") == (ACCOUNT, StripeCustomer("cus_1"))
    store.accounts.mark_customer("acme", StripeCustomer("cus_1"), "d6")
    store.accounts.replace_customer("acme", "cus_1", "cus_3", "d3")
    assert store.accounts.with_customer("acme") == (ACCOUNT, StripeCustomer("cus_3", "d3"))


def test_what_a_newer_release_stored_beside_a_row_survives_a_move(store: World) -> None:
    assert store.deliveries.add(DELIVERY)
    assert not store.deliveries.add(DELIVERY)
    key: Item = {"destination": {"S": "we_1"}, "event_id": {"S": "evt_1"}}
    row = row_of(store.database, DeliveryItem, key)
    put(store.database, DeliveryItem, {**row, "newer": {"M": {"deep": {"L": [{"N": "1"}]}}}})
    moved = replace(DELIVERY, status="delivered", due_at=None, attempts=3, last_error=None)
    assert store.deliveries.move(DELIVERY, moved)
    assert not store.deliveries.move(DELIVERY, moved)
    assert store.deliveries.get("we_1", "evt_1") == moved
    after = row_of(store.database, DeliveryItem, key)
    assert after["newer"] == {"M": {"deep": {"L": [{"N": "1"}]}}}
    assert row.keys() - after.keys() == {"due_at", "due_shard", "last_error"}
    assert store.deliveries.move(moved, replace(moved, attempts=4))  # attribute_not_exists(due_at)


def test_a_move_makes_the_row_that_is_not_there_and_removes_what_it_never_had(store: World) -> None:
    memory = store.reconciliation
    assert memory.move_bookmark(None, replace(BOOKMARK, event_id=None, event_at=None))
    assert not memory.move_bookmark(None, BOOKMARK)
    assert not memory.move_bookmark(replace(BOOKMARK, read_to=START), BOOKMARK)
    assert memory.move_bookmark(BOOKMARK, replace(BOOKMARK, read_to=END))
    assert memory.bookmark() == replace(BOOKMARK, read_to=END)
    memory.defer("tx_1", Deferral(1, NOW))
    memory.defer("tx_1", Deferral(2, END))
    assert memory.deferrals(["tx_1", "tx_2"]) == {"tx_1": Deferral(2, END)}


def test_a_value_that_is_there_is_kept_by_if_not_exists(store: World) -> None:
    first = REJECTED_AS_SENT
    store.rejected_events.keep(first)
    again = replace(
        first, rejected_at=END, arrived_at=END, cause="other", content="other", code="unknown_feature", field=None
    )
    store.rejected_events.keep(again)
    kept = replace(again, arrived_at=first.arrived_at, cause=first.cause, content=first.content, replay_event_id=None)
    assert store.rejected_events.get(first.rejection_id) == (kept, "open")
    row = row_of(store.database, RejectedEventItem, {"rejection_id": {"S": first.rejection_id}})
    assert "field" not in row
    store.rejected_events.keep(replace(again, field="", rejected_at=END + timedelta(days=1)))
    row = row_of(store.database, RejectedEventItem, {"rejection_id": {"S": first.rejection_id}})
    assert row["field"] == {"S": ""}
    store.rejected_events.keep(first)  # told late
    late = replace(kept, field="", rejected_at=END + timedelta(days=1))
    assert store.rejected_events.get(first.rejection_id) == (late, "open")


def test_all_of_an_update_reads_the_row_as_it_was_before(store: World) -> None:
    endpoints = store.webhook_endpoints
    endpoints.add(ENDPOINT, "whsec_1")
    assert endpoints.rotate_secret("we_1", "whsec_2", NOW)
    assert endpoints.secrets("we_1", NOW) == ["whsec_2", "whsec_1"]
    assert endpoints.rotate_secret("we_1", "whsec_3", NOW)
    assert endpoints.secrets("we_1", NOW) == ["whsec_3", "whsec_2"]
    assert endpoints.secrets("we_1", NOW + ROTATED_SECRET_LIVES) == ["whsec_3"]
    assert not endpoints.rotate_secret("we_2", "whsec_4", NOW)
    assert row_of(store.database, WebhookSecretItem, {"endpoint_id": {"S": "we_2"}}) is None


def test_an_endpoint_is_changed_while_it_is_as_enabled_as_it_was(store: World) -> None:
    endpoints = store.webhook_endpoints
    endpoints.add(ENDPOINT, "whsec_1")
    mended = replace(ENDPOINT, enabled=True, disabled_reason=None, failing_since=None)
    assert endpoints.change(ENDPOINT, mended)
    assert endpoints.get("we_1") == mended
    assert not endpoints.change(ENDPOINT, mended)
    assert endpoints.change(mended, replace(mended, url="https://platform.example/other"))
    assert endpoints.change(mended, replace(mended, failing_since=NOW))


def test_a_card_is_added_where_none_is_or_one_that_cannot_be_used(store: World) -> None:
    pending = replace(CARD, verification="pending", failure=None, expiry_told_days=None)
    assert store.cards.add(pending) == pending
    assert store.cards.add(CARD) == pending
    put(store.database, PaymentMethodItem, {**_row_of_card(store), "verification": {"S": "gone"}})
    assert store.cards.add(CARD) == CARD
    assert store.cards.mark_expiry_told(CARD, 7)  # 30 were told
    assert not store.cards.mark_expiry_told(CARD, 7)
    assert not store.cards.mark_expiry_told(replace(CARD, payment_method_id="pm_2"), 1)


def _row_of_card(store: World) -> Any:
    return row_of(
        store.database, PaymentMethodItem, {"account_id": {"S": "acme"}, "card_fingerprint": {"S": "fingerprint-1"}}
    )


def test_an_event_that_is_done_is_taken_in_no_more(store: World) -> None:
    assert store.stripe_inbox.take(STRIPE_EVENT, NOW)
    assert store.stripe_inbox.take(STRIPE_EVENT, NOW)
    store.stripe_inbox.done(STRIPE_EVENT.event_id)
    assert not store.stripe_inbox.take(STRIPE_EVENT, NOW)
    other = StripeEvent("evt_2", "refund.created", "re_1")
    store.stripe_inbox.done(other.event_id)  # never taken in: makes no row
    assert store.stripe_inbox.unknown([STRIPE_EVENT, other]) == [other]


def test_a_use_is_kept_at_most_every_quarter_of_an_hour_and_makes_no_key(store: World) -> None:
    def used() -> Any:
        return row_of(store.database, ApiKeyItem, {"key_id": {"S": KEY.key_id}})

    store.api_keys.mark_used(KEY.key_id, NOW)
    assert used() is None
    store.api_keys.add(KEY)
    store.api_keys.mark_used(KEY.key_id, NOW)
    store.api_keys.mark_used(KEY.key_id, NOW + timedelta(minutes=14))
    assert used()["last_used_at"] == {"S": "2026-11-23T09:15:02.120Z"}
    store.api_keys.mark_used(KEY.key_id, NOW + timedelta(minutes=15))
    assert used()["last_used_at"] == {"S": "2026-11-23T09:30:02.120Z"}
