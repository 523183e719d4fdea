"""Subscribing and changing: paid first, by the default card, once; and the preview says the very numbers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from billing.domain.errors import BillingError, CardDeclined, CardRequired, InvalidValue
from billing.domain.plan_change import Quote, RenewalUnpaid
from billing.services.cards import make_default
from billing.services.change_subscription import ConfirmationRequired, PaymentPending
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import FREE, PRO, RENEWAL, STARTER, Subscriber

MID = NOW + timedelta(days=15)
"""Half of the thirty days of the first month."""


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying)


def test_subscribing_charges_base_price_and_rentals_at_once(acme: Subscriber) -> None:
    acme.subscribed(STARTER, phone_number=3)
    assert acme.charges == [3600]
    assert (acme.period.plan_id, acme.period.start, acme.period.payment) == ("starter", NOW, "paid")
    assert acme.wallet.balance_micros == 0
    (transaction,) = acme.paying.history
    assert (transaction.kind, transaction.status, len(transaction.lines)) == ("plan_change", "Paid", 2)
    assert_books_balance(acme.paying.store)


def test_without_a_card_nothing_is_charged_and_nothing_is_changed(acme: Subscriber) -> None:
    with pytest.raises(CardRequired):
        acme.put(STARTER)
    assert (acme.wallet.subscription, acme.paying.history) == (None, [])


def test_a_free_plan_needs_no_card(acme: Subscriber) -> None:
    acme.put(FREE)
    assert (acme.period.plan_id, acme.paying.history) == ("free", [])


def test_a_declined_card_changes_nothing_and_says_why(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.behave("insufficient_funds")
    with pytest.raises(CardDeclined, match="insufficient funds"):
        acme.put(PRO, MID)
    assert (acme.period.plan_id, acme.wallet.pending_change) == ("starter", None)
    acme.paying.behave("succeed")
    acme.put(PRO, MID)
    assert (acme.period.plan_id, acme.charges) == ("pro", [3000, 3000])
    assert_books_balance(acme.paying.store)


def test_a_bank_that_wants_the_customer_is_told_apart_and_another_default_card_pays(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.behave("authentication_required")
    with pytest.raises(ConfirmationRequired, match="Your bank wants you to confirm this payment yourself"):
        acme.put(PRO, MID)
    assert (acme.period.plan_id, acme.wallet.pending_change) == ("starter", None)
    acme.paying.add_card("pm_card_mastercard", key="page-2", now=MID)
    other = next(card for card in acme.paying.cards if card.brand == "mastercard")
    make_default(acme.paying.store, "acme", other.payment_method_id, MID)
    acme.put(PRO, MID)
    assert (acme.period.plan_id, acme.charges) == ("pro", [3000, 3000])


def test_more_than_a_card_is_charged_at_once_is_refused_before_anything_is_recorded(acme: Subscriber) -> None:
    acme.subscribed()
    for ask in (acme.preview, acme.put):
        with pytest.raises(InvalidValue) as refused:
            ask(STARTER, MID, phone_number=1_000_000)
        assert refused.value.field == "quantities"
    assert ([each.status for each in acme.paying.history], acme.wallet.pending_change) == (["Paid"], None)


def numbers(quoted: Quote) -> tuple[object, ...]:
    return quoted.charge, quoted.renewal_month, quoted.renewal_charge


def test_the_preview_says_what_the_change_then_costs_and_changes_nothing(acme: Subscriber) -> None:
    acme.subscribed()
    before = acme.wallet
    previewed = acme.preview(PRO, MID, phone_number=2)
    assert acme.wallet == before
    assert numbers(acme.put(PRO, MID, phone_number=2)) == numbers(previewed)
    assert acme.charges[-1] * 10_000 == previewed.charge.card_micros


def test_the_same_request_again_charges_nothing_more(acme: Subscriber) -> None:
    acme.subscribed()
    acme.put(PRO, MID)
    assert acme.put(PRO, MID).charge.card_micros == 0
    assert acme.charges == [3000, 3000]


def test_what_the_card_pays_beyond_the_price_is_the_customer_s_credit(acme: Subscriber) -> None:
    acme.subscribed()
    quoted = acme.put(STARTER, MID + timedelta(seconds=1), phone_number=2)
    credit = quoted.charge.card_micros - quoted.charge.price_micros
    assert credit > 0
    assert acme.wallet.balance_micros == credit
    assert_books_balance(acme.paying.store)


def test_twenty_at_once_make_one_change_and_one_charge(acme: Subscriber) -> None:
    acme.subscribed()

    def put(_: int) -> str:
        try:
            acme.put(PRO, MID)
        except BillingError as refusal:
            return refusal.code
        return "changed"

    with ThreadPoolExecutor(8) as workers:
        answers = set(workers.map(put, range(20)))
    assert answers <= {"changed", "change_pending", "payment_pending"}
    assert "changed" in answers
    acme.put(PRO, MID)
    assert acme.charges == [3000, 3000]
    assert_books_balance(acme.paying.store)


def test_a_lost_answer_is_found_by_the_same_request(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    with pytest.raises(PaymentPending):
        acme.put(PRO, MID)
    assert acme.period.plan_id == "starter"
    acme.put(PRO, MID + timedelta(minutes=1))
    assert (acme.period.plan_id, acme.charges) == ("pro", [3000, 3000])


def test_a_lost_answer_is_found_by_the_webhook_or_by_reconciliation(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    with pytest.raises(PaymentPending):
        acme.put(PRO, MID)
    acme.paying.reconcile(MID + timedelta(minutes=10))
    acme.paying.tell_all()
    assert (acme.period.plan_id, acme.charges) == ("pro", [3000, 3000])
    assert_books_balance(acme.paying.store)


def test_a_change_that_stripe_never_heard_of_is_given_up_after_an_hour(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.fault("/v1/payment_intents", "timeout_before")
    with pytest.raises(PaymentPending):
        acme.put(PRO, MID)
    acme.paying.reconcile(MID + timedelta(hours=1))
    assert (acme.period.plan_id, acme.wallet.pending_change, acme.charges) == ("starter", None, [3000])


def test_a_change_asked_for_at_the_renewal_s_second_renews_first(acme: Subscriber) -> None:
    acme.subscribed()
    acme.put(PRO, RENEWAL)
    assert acme.charges == [3000, 3000, 6000]
    assert (acme.period.start, acme.period.plan_id, acme.period.payment) == (RENEWAL, "pro", "paid")
    assert acme.sweep(RENEWAL) == []


def test_a_past_due_subscription_is_paid_before_it_is_changed(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.behave("insufficient_funds")
    with pytest.raises(RenewalUnpaid):
        acme.put(PRO, RENEWAL)
    assert [each.status for each in acme.renewals] == ["Failed"]


def test_a_downgrade_waits_for_the_renewal_and_is_charged_at_its_own_price(acme: Subscriber) -> None:
    acme.subscribed(PRO)
    acme.put(STARTER, MID)
    assert acme.period.plan_id == "pro"
    assert acme.sweep(RENEWAL) == ["paid"]
    assert (acme.period.plan_id, acme.charges) == ("starter", [9000, 3000])


def test_nobody_s_paid_credit_is_touched_by_a_change_of_plan(acme: Subscriber) -> None:
    acme.subscribed()
    acme.paying.store.adjust("5", "wire")
    acme.put(PRO, MID)
    acme.cancel(MID)
    acme.sweep(RENEWAL)
    assert (acme.wallet.status, acme.wallet.paid_micros) == ("canceled", micros("5"))
