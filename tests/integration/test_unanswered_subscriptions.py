"""A renewal or a change of plan that Stripe has not answered: looked at again before a card is asked, and ended."""

from datetime import timedelta

import pytest

from billing.domain.renewal_order import RenewalOrder
from billing.services.change_subscription import PaymentPending, Wanted
from billing.services.plans import PlanNotFound
from tests.builders import NOW
from tests.paying_account import UNREACHABLE, Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, STARTER, Subscriber

A_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
A_SWEEP = 5 * MINUTE


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


def test_a_retry_without_an_answer_is_given_up_once_the_subscription_is_canceled(acme: Subscriber) -> None:
    paying = acme.paying
    paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    paying.behave("succeed")
    paying.fault("/v1/payment_intents", UNREACHABLE)
    at = RENEWAL + A_DAY
    assert acme.sweep(at) == ["unknown"]
    assert acme.cancel(at).status == "canceled"
    for minutes in range(5, 70, 5):
        paying.reconcile(at + minutes * MINUTE)
    retry = acme.renewals[-1]
    assert retry.failure is not None
    assert (retry.status, retry.failure.code, acme.charges) == ("Failed", "no_longer_wanted", [3000])
    assert_books_balance(paying.store)


def test_an_unanswered_try_of_one_month_is_not_overtaken_by_the_next_month_s(acme: Subscriber) -> None:
    paying = acme.paying
    paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    paying.behave("succeed")
    paying.fault("/v1/payment_intents", "timeout_after")
    assert acme.sweep(RENEWAL + A_DAY) == ["unknown"]
    next_month = acme.period.end + A_SWEEP
    paying.fault("/v1/payment_intents", UNREACHABLE, method="GET")
    order = RenewalOrder("acme", None, next_month)
    assert acme.renew(order) == "unknown", "whether December was paid decides what January costs"
    paying.reconcile(next_month)
    acme.sweep(next_month + A_SWEEP)
    assert acme.charges == [3000, 3000, 3000], "the first month, December, January: each of them once"
    paid = [each.lines[0].period_start for each in acme.renewals if each.status == "Paid"]
    assert paid == [RENEWAL, acme.period.start]
    assert acme.period.start == RENEWAL.replace(year=2027, month=1)
    assert_books_balance(paying.store)


def test_a_try_that_never_reached_stripe_is_not_charged_once_its_month_has_gone_by(acme: Subscriber) -> None:
    paying = acme.paying
    paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    paying.behave("succeed")
    paying.fault("/v1/payment_intents", UNREACHABLE)
    assert acme.sweep(RENEWAL + A_DAY) == ["unknown"]
    next_month = acme.period.end + A_SWEEP
    paying.reconcile(next_month)
    assert acme.wallet.is_past_due, "December went by unpaid"
    assert acme.sweep(next_month + A_SWEEP) == ["paid"]
    assert acme.charges == [3000, 3000]
    assert acme.period.start == RENEWAL.replace(year=2027, month=1)
    assert [each.failure and each.failure.code for each in acme.renewals] == [
        "insufficient_funds",
        "no_longer_wanted",
        None,
    ]


def test_a_change_without_an_answer_that_is_taken_back_is_never_charged(acme: Subscriber) -> None:
    paying = acme.paying
    paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(PaymentPending):
        acme.ask(Wanted("pro"), NOW)
    with pytest.raises(PaymentPending):
        acme.ask(Wanted(STARTER.plan_id), NOW + MINUTE)
    acme.ask(Wanted(STARTER.plan_id), NOW + 11 * MINUTE)
    assert (acme.period.plan_id, acme.wallet.pending_change, acme.charges) == ("starter", None, [3000])
    change = next(each for each in paying.history if each.kind == "plan_change" and each.status == "Failed")
    assert change.failure is not None
    assert change.failure.code == "no_longer_wanted"


def test_a_change_that_cannot_be_had_takes_no_other_back(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(PaymentPending):
        acme.ask(Wanted("pro"), NOW)
    with pytest.raises(PlanNotFound):
        acme.ask(Wanted("unknown"), NOW + 20 * MINUTE)
    assert acme.wallet.pending_change is not None
    acme.ask(Wanted("pro"), NOW + 21 * MINUTE)
    assert acme.period.plan_id == "pro"


def test_a_change_that_is_taken_back_while_stripe_is_out_of_reach_is_still_pending(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(PaymentPending):
        acme.ask(Wanted("pro"), NOW)
    acme.paying.fault("/v1/payment_intents", UNREACHABLE, method="GET")
    with pytest.raises(PaymentPending):
        acme.ask(Wanted(STARTER.plan_id), NOW + 20 * MINUTE)
    assert acme.wallet.pending_change is not None


def test_the_same_change_again_goes_on_with_the_same_charge(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(PaymentPending):
        acme.ask(Wanted("pro"), NOW)
    acme.ask(Wanted("pro"), NOW + MINUTE)
    assert acme.period.plan_id == "pro"
    assert len(acme.charges) == 2


def test_a_change_that_was_taken_back_and_had_been_paid_takes_effect_before_the_other_is_priced(
    acme: Subscriber,
) -> None:
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    with pytest.raises(PaymentPending):
        acme.ask(Wanted("pro"), NOW)
    acme.ask(Wanted(STARTER.plan_id), NOW + MINUTE)
    assert acme.period.plan_id == "pro"
    assert acme.subscription.next_terms is not None
    assert acme.subscription.next_terms.plan_id == "starter"
    assert_books_balance(acme.paying.store)


def test_a_change_that_nobody_asks_for_again_ends_within_the_hour_and_blocks_nothing(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(PaymentPending):
        acme.ask(Wanted("pro"), NOW)
    for minutes in range(5, 66, 5):
        acme.paying.reconcile(NOW + minutes * MINUTE)
    assert acme.wallet.pending_change is None
    acme.cancel(NOW + 66 * MINUTE)
    assert acme.subscription.cancel_at_period_end
