"""A renewal that no card paid is paid by hand: by the card, on a page, or from credit; and never twice."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from billing.domain.errors import CardDeclined, CardRequired, Conflict, IdempotencyKeyReused
from billing.domain.notice_facts import SubscriptionPastDue, SubscriptionRenewed
from billing.domain.notices import of_transaction, of_wallet
from billing.domain.renewal_payment import Wish
from billing.domain.subscription import PaymentWay
from billing.payments.errors import PaymentsUnavailable
from billing.services.cards import remove_card
from billing.services.pay_renewal import pay_renewal
from billing.words.email_texts import is_mailed
from tests.builders import call, give_workspace, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import RETURN_URL, Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, Subscriber
from tests.unpaid_renewal import A_DAY, A_MINUTE, LATER, assert_paid_once, code_of, credit, pay, unpaid


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


def test_the_card_is_asked_now_and_pays(acme: Subscriber) -> None:
    unpaid(acme)
    acme.paying.behave("succeed")
    assert pay(acme, "card").status == "Paid"
    assert_paid_once(acme)
    assert code_of(acme, "card") == "nothing_to_pay"


def test_a_card_that_declines_again_is_a_try_like_any_other_and_takes_no_later_one_away(acme: Subscriber) -> None:
    unpaid(acme)
    declined = pay(acme, "card")
    assert (declined.status, declined.failure and declined.failure.code) == ("Failed", "card_declined")
    assert [each.status for each in acme.renewals] == ["Failed", "Failed"]
    assert acme.subscription.due_at == RENEWAL + A_DAY


def test_a_dead_card_is_not_asked_and_leaves_no_row_for_a_day_on_which_nothing_was_asked(acme: Subscriber) -> None:
    unpaid(acme, "lost_card")
    with pytest.raises(CardDeclined):
        pay(acme, "card")
    told: list[tuple[str, int, bool]] = []
    for days in (1, 3, 7):
        before = acme.wallet
        assert acme.sweep(RENEWAL + days * A_DAY) == ["unasked"]
        notices = [each.facts for each in of_wallet(before, acme.wallet, RENEWAL)]
        told += [
            (each.transaction_id, each.attempts, each.next_attempt_at is None)
            for each in notices
            if isinstance(each, SubscriptionPastDue)
        ]
    first = acme.renewals[0].transaction_id
    assert told == [(first, 2, False), (first, 3, False), (first, 4, True)], "the customer is told on each day"
    assert acme.wallet.status == "locked"
    assert [each.status for each in acme.renewals] == ["Failed"]


def test_without_a_card_there_are_the_page_and_the_credit(acme: Subscriber) -> None:
    unpaid(acme)
    remove_card(acme.paying.store, acme.paying.gateway, "acme", acme.paying.cards[0].payment_method_id)
    with pytest.raises(CardRequired):
        pay(acme, "card")
    assert pay(acme, "page").status == "Checkout"


def test_a_bank_that_demands_the_customer_locks_nobody_out_who_has_money_on_the_account(acme: Subscriber) -> None:
    unpaid(acme, "authentication_required")
    for days in (1, 3, 7):
        acme.sweep(RENEWAL + days * A_DAY)
    assert acme.wallet.status == "locked"
    credit(acme, "30")
    paid = pay(acme, "credit", RENEWAL + 8 * A_DAY)
    assert (paid.status, paid.card, paid.payment_intent_id, paid.amount_micros) == ("Paid", None, None, micros("30"))
    assert_paid_once(acme, charges=0)
    assert acme.wallet.paid_micros == 0


def test_credit_pays_the_whole_price_or_nothing_and_promotional_credit_is_no_money(acme: Subscriber) -> None:
    unpaid(acme)
    acme.paying.store.adjust("29.999999", "nearly", now=LATER)
    assert code_of(acme, "credit") == "not_enough_credit"
    credit(acme, "0.000001")
    assert pay(acme, "credit").status == "Paid"
    assert_paid_once(acme, charges=0)
    (entry,) = [each for each in acme.paying.store.entries() if each.kind == "renewal"]
    assert entry.amount_micros == -micros("30")
    assert {each.account: each.micros for each in entry.postings} == {
        "liability:paid_credit": -micros("30"),
        "revenue:subscription": micros("30"),
    }


def test_a_renewal_paid_from_credit_is_told_as_renewed_and_not_as_money_that_came(acme: Subscriber) -> None:
    unpaid(acme)
    credit(acme, "30")
    before = acme.wallet
    row = pay(acme, "credit")
    assert of_transaction(None, row, LATER) == []
    (renewed,) = [each.facts for each in of_wallet(before, acme.wallet, LATER)]
    assert isinstance(renewed, SubscriptionRenewed)
    assert (renewed.charged, is_mailed(renewed)) == (False, True)
    with pytest.raises(Conflict) as refused:
        acme.paying.refund(row.transaction_id)
    assert refused.value.code == "not_refundable"


def test_a_renewal_paid_from_credit_starts_no_refill(acme: Subscriber) -> None:
    credit(acme, "35")
    acme.paying.auto_refill(threshold="20", amount="100")
    unpaid(acme)
    pay(acme, "credit")
    refill = acme.wallet.refill
    assert refill is not None
    assert (refill.pending, refill.started, acme.wallet.paid_micros) == (None, 0, micros("5"))


def test_a_try_that_is_not_answered_is_under_way_for_all_who_would_pay(acme: Subscriber) -> None:
    credit(acme, "30")
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    assert acme.sweep(RENEWAL) == ["unknown"]
    assert {code_of(acme, way) for way in ("card", "page", "credit")} == {"payment_pending"}
    acme.sweep(RENEWAL + timedelta(minutes=5))
    assert_paid_once(acme)


def test_a_card_that_does_not_answer_is_under_way_until_it_does(acme: Subscriber) -> None:
    unpaid(acme)
    acme.paying.behave("succeed")
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    assert pay(acme, "card").status == "Processing"
    assert code_of(acme, "credit") == "payment_pending"
    acme.paying.tell_all(now=LATER)
    assert_paid_once(acme)


def test_the_same_request_with_the_same_key_answers_what_came_of_it(acme: Subscriber) -> None:
    unpaid(acme)
    credit(acme, "30")
    declined = pay(acme, "card", key="one")
    assert pay(acme, "card", key="one").transaction_id == declined.transaction_id
    assert len(acme.renewals) == 2
    with pytest.raises(IdempotencyKeyReused):
        pay(acme, "credit", key="one")
    paid = pay(acme, "credit", key="two")
    assert pay(acme, "credit", key="two").transaction_id == paid.transaction_id
    assert pay(acme, "card", key="one").transaction_id == declined.transaction_id, "an earlier one, too"
    assert_paid_once(acme, charges=0)


def test_two_who_pay_at_once_pay_once(acme: Subscriber) -> None:
    unpaid(acme)
    credit(acme, "60")
    acme.paying.behave("succeed")

    def attempt(way: PaymentWay) -> object:
        try:
            return pay_renewal(
                acme.paying.store, acme.paying.gateway, "acme", Wish(way), return_url=RETURN_URL, now=LATER
            ).status
        except Conflict as refused:
            return refused.code
        except PaymentsUnavailable:
            return "unavailable"

    acme.at(LATER)
    ways: list[PaymentWay] = ["card", "credit", "page", "card", "credit", "page", "credit", "card"]
    with ThreadPoolExecutor(8) as workers:
        outcomes = list(workers.map(attempt, ways))
    acme.paying.tell_all(now=LATER)
    acme.sweep(LATER + timedelta(minutes=40))
    # Where the last page came after all others had given way, nobody has paid: the next day's try does.
    acme.sweep(RENEWAL + A_DAY + timedelta(minutes=40))
    assert outcomes.count("Paid") <= 1
    assert (acme.period.payment, acme.subscription.dunning) == ("paid", None)
    assert [entry.kind for entry in acme.paying.store.entries()].count("renewal") == 1
    paid_by_card = acme.charges[1:]
    assert acme.wallet.paid_micros == micros("60") - (0 if paid_by_card else micros("30"))
    assert_books_balance(acme.paying.store)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
@pytest.mark.parametrize("way", ["card", "page", "credit"])
@pytest.mark.parametrize("finished_by", ["the same request", "webhook and sweep"])
def test_a_kill_around_any_write_pays_the_month_once(
    acme: Subscriber, way: PaymentWay, write: int, moment: str, finished_by: str
) -> None:
    unpaid(acme)
    credit(acme, "30")
    acme.paying.behave("succeed")
    switch = KillSwitch(acme.paying.database, write, moment=moment)
    with suppress(Killed):  # credit is one write
        pay(acme, way, key="one")
    switch.disarm()
    if finished_by == "the same request":
        paid = pay(acme, way, LATER + A_MINUTE, key="one")
        if paid.status == "Checkout":
            assert paid.url is not None
            acme.paying.pay_page(paid)
    acme.paying.tell_all(now=LATER + A_MINUTE)
    for minutes in (5, 40, 45, 60):
        now = LATER + timedelta(minutes=minutes)
        acme.at(now)
        acme.paying.reconcile(now)
        acme.sweep(now)
    if finished_by == "webhook and sweep" and acme.wallet.is_past_due:
        assert acme.sweep(RENEWAL + A_DAY) == ["paid"]
    from_credit = acme.wallet.paid_micros == 0
    assert_paid_once(acme, charges=0 if from_credit else 1)


def test_the_kills_above_stand_around_every_write(acme: Subscriber) -> None:
    unpaid(acme)
    credit(acme, "30")
    acme.paying.behave("succeed")
    switch = KillSwitch(acme.paying.database, None, moment="before")
    pay(acme, "page")
    assert switch.writes == 2
    pay(acme, "card")
    assert switch.writes == 2 + 1 + 2, "the page is over, and the card is asked"


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_kill_around_any_write_of_who_closes_the_page_pays_once(acme: Subscriber, write: int, moment: str) -> None:
    unpaid(acme)
    pay(acme, "page")
    acme.paying.behave("succeed")
    switch = KillSwitch(acme.paying.database, write, moment=moment)
    with suppress(Killed):
        pay(acme, "card")
    switch.disarm()
    acme.paying.tell_all(now=LATER)
    with suppress(Conflict):
        pay(acme, "card", LATER + A_MINUTE)
    for minutes in (5, 40):
        acme.sweep(LATER + timedelta(minutes=minutes))
    assert_paid_once(acme)


def test_a_page_that_is_paid_after_the_subscription_was_canceled_becomes_credit(acme: Subscriber) -> None:
    unpaid(acme)
    page = pay(acme, "page")
    acme.cancel(LATER)
    acme.paying.pay_page(page)
    acme.paying.tell_all(now=LATER)
    assert acme.wallet.paid_micros == micros("30")
    assert_books_balance(acme.paying.store)


def test_the_page_of_a_canceled_subscription_is_closed(acme: Subscriber) -> None:
    unpaid(acme)
    page = pay(acme, "page")
    acme.cancel(LATER)
    acme.sweep(LATER + timedelta(minutes=30))
    assert acme.paying.gateway.session(page.session_id or "").status == "expired"
    assert acme.subscription.due_at is None


def test_a_disputed_card_is_asked_by_hand(acme: Subscriber) -> None:
    first = acme.paying.history[0]
    acme.paying.stripe.control("disputes", {"payment_intent": first.payment_intent_id})
    acme.paying.tell_all(now=RENEWAL - A_DAY)
    assert acme.sweep(RENEWAL) == ["declined"]
    assert acme.sweep(RENEWAL + A_DAY) == ["unasked"]
    assert len(acme.renewals) == 1
    assert pay(acme, "card", RENEWAL + 2 * A_DAY).status == "Paid"


def test_calls_of_an_unpaid_month_stay_paid_from_credit_and_the_allowance_is_whole_when_it_is_paid(
    acme: Subscriber,
) -> None:
    unpaid(acme)
    credit(acme, "40")
    give_workspace(acme.paying.database)
    acme.paying.store.settle(call("a", seconds="60", ended_at=LATER), now=LATER)
    pay(acme, "credit")
    assert acme.wallet.paid_micros == micros("9.40")
    assert acme.period.used == {}
