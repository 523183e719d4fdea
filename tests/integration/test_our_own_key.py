"""Our own key (revoked, restricted, of another account or mode) is nobody's dead card: it alarms, nothing counts."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.card import Card
from billing.payments.errors import PaymentsMisconfigured, PaymentsUnavailable
from billing.services.add_card import open_card_page
from billing.services.cards import refresh_card, remove_card
from billing.services.change_subscription import PaymentPending
from tests.builders import NOW, micros
from tests.paying_account import RETURN_URL, WRONG_KEY, Paying, WithTheWrongKey
from tests.platform_of_one import assert_books_balance
from tests.subscriber import PRO, RENEWAL, Subscriber

KINDS = ["other_account", "other_mode", "restricted", "revoked"]
MINUTES = timedelta(minutes=1)


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    """Subscribed, with auto-refill, a second card under verification, an open page, and a paid top-up."""
    acme = Subscriber(paying).subscribed()
    paying.top_up("50", card=paying.cards[0].payment_method_id, transaction_id="tx_paid")
    paying.top_up("20", transaction_id="tx_page")
    paying.fault("/v1/payment_intents", "timeout_before")
    with suppress(PaymentsUnavailable):
        paying.tell("checkout.session.completed", paying.enter_card("pm_card_mastercard", key="page-2"))
    return acme


@pytest.fixture(params=KINDS)
def wrong(acme: Subscriber, request: pytest.FixtureRequest) -> WithTheWrongKey:
    acme.paying.stripe.control("keys", {"key": WRONG_KEY, "kind": request.param})
    WithTheWrongKey.refusals.clear()
    return WithTheWrongKey(acme.paying.database, acme.paying.stripe)


def first(paying: Paying) -> Card:
    (card,) = [each for each in paying.stored_cards if each.brand == "visa"]
    return card


def second(paying: Paying) -> Card:
    (card,) = [each for each in paying.stored_cards if each.brand == "mastercard"]
    return card


def card_page(wrong: Paying) -> None:
    open_card_page(wrong.store, wrong.gateway, "acme", key="page-9", return_url=RETURN_URL, now=NOW)


def top_up_by_card(wrong: Paying) -> None:
    assert wrong.top_up("30", card=first(wrong).payment_method_id, transaction_id="tx_new").status == "Processing"


def top_up_on_a_page(wrong: Paying) -> None:
    started = wrong.top_up("30", transaction_id="tx_new")
    assert (started.status, started.url) == ("Checkout", None)


def refill(wrong: Paying) -> None:
    wrong.auto_refill(threshold="60", amount="100")
    charged = wrong.charge_pending()
    assert charged is not None
    assert charged.status == "Processing"


def renewal(wrong: Paying) -> None:
    assert Subscriber(wrong).sweep(RENEWAL) == ["unknown"]


def change_of_plan(wrong: Paying) -> None:
    with pytest.raises(PaymentPending):
        Subscriber(wrong).put(PRO)


def verification(wrong: Paying) -> None:
    (page,) = [each for each in Paying(wrong.database, wrong.stripe).events if "checkout.session" in each["type"]][:1]
    wrong.tell(page["type"], page["data"]["object"]["id"])


def refund(wrong: Paying) -> None:
    wrong.refund("tx_paid", "10")


def removal(wrong: Paying) -> None:
    remove_card(wrong.store, wrong.gateway, "acme", first(wrong).payment_method_id)


def refreshed_card(wrong: Paying) -> None:
    refresh_card(wrong.store, wrong.gateway, "acme", first(wrong).payment_method_id, NOW)


def webhook(wrong: Paying) -> None:
    wrong.tell("payment_intent.succeeded", wrong.transaction("tx_paid").payment_intent_id or "")


def reconciliation(wrong: Paying) -> None:
    assert wrong.reconcile(NOW + 90 * MINUTES).stuck > 0


USES = [
    card_page,
    top_up_by_card,
    top_up_on_a_page,
    refill,
    renewal,
    change_of_plan,
    verification,
    refund,
    refreshed_card,
    webhook,
    reconciliation,
]


def counted(paying: Paying) -> dict[str, Any]:
    """All that could be held against a customer, or lost."""
    wallet = paying.wallet
    refill = None if wallet.refill is None else replace(wallet.refill, pending=None)
    return {
        "failed": [each.transaction_id for each in paying.history if each.status == "Failed"],
        "closed": [each.transaction_id for each in paying.history if each.status == "Checkout" and not each.check_at],
        "cards": [(card.brand, card.verification) for card in paying.stored_cards],
        "default": wallet.default_card,
        "blamed": None if refill is None else (refill.failures, refill.suspended, refill.last_failure),
        "dunning": None if wallet.subscription is None else wallet.subscription.dunning,
        "customer": paying.store.accounts.with_customer("acme"),
        "credit": wallet.balance_micros,
    }


@pytest.mark.parametrize("use", USES)
def test_whatever_is_asked_nothing_is_counted_and_the_key_is_heard_of(
    wrong: WithTheWrongKey, use: Callable[[Paying], None], acme: Subscriber
) -> None:
    if use is refill:
        acme.paying.auto_refill(enabled=False)
    before = counted(wrong)
    with suppress(PaymentsMisconfigured):
        use(wrong)
    after = counted(wrong)
    if use is refill:
        before["blamed"] = after["blamed"]
        assert after["blamed"] == (0, None, None)
    assert after == before
    assert wrong.refusals, "an alarm"
    assert_books_balance(wrong.store)


def test_a_removed_card_is_not_forgotten_here_while_it_may_be_attached_there(wrong: WithTheWrongKey) -> None:
    acme = Paying(wrong.database, wrong.stripe)
    with suppress(PaymentsMisconfigured):
        removal_of = second(acme).payment_method_id
        acme.tell_all()
        remove_card(wrong.store, wrong.gateway, "acme", removal_of)
    wrong.reconcile(NOW + 10 * MINUTES)
    assert second(acme).verification == "removing"
    acme.reconcile(NOW + 20 * MINUTES)
    assert [card.brand for card in acme.stored_cards] == ["visa"]
    assert acme.gateway.method(removal_of).customer_id is None


def test_once_it_is_put_right_all_goes_on_by_itself(wrong: WithTheWrongKey) -> None:
    for use in (top_up_by_card, renewal, reconciliation, reconciliation):
        use(wrong)
    acme = Subscriber(Paying(wrong.database, wrong.stripe))
    acme.sweep(RENEWAL + 5 * MINUTES)
    acme.paying.tell_all(now=RENEWAL + 10 * MINUTES)
    for minutes in (10, 75, 140):
        acme.at(RENEWAL + minutes * MINUTES)
        acme.paying.reconcile(RENEWAL + minutes * MINUTES)
    assert acme.period.payment == "paid"
    assert not [each for each in acme.paying.history if each.status == "Processing"]
    assert {card.verification for card in acme.paying.stored_cards} == {"verified"}
    assert acme.wallet.balance_micros in {micros("50"), micros("80")}, "the top-up is made, or given up after an hour"
    assert_books_balance(acme.paying.store)
