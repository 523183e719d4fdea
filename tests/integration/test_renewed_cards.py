"""The same card entered again with a new expiry date: it takes the old one's place."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.api.payments import CardView
from billing.domain.card import Card
from billing.payments.errors import PaymentsUnavailable
from billing.services.cards import make_default, remove_card
from billing.store.cards import Cards
from billing.store.database import StoreBusy
from tests.builders import NOW, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import Paying

OLD_DATE = (2026, 11)
NEW_DATE = (2030, 6)
DECEMBER = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
"""The card has expired."""
MINUTE = timedelta(minutes=1)
COMPLETED = "checkout.session.completed"


@pytest.fixture
def acme(paying: Paying) -> Paying:
    """With one card, good to the end of November, and in December by now."""
    paying.add_card(expires=OLD_DATE)
    be_at(paying, DECEMBER)
    return paying


def be_at(paying: Paying, now: datetime) -> None:
    paying.stripe.control("clock", {"now": int(now.timestamp())})


def enter_again(paying: Paying, *, expires: tuple[int, int] = NEW_DATE, key: str = "page-2") -> str:
    return paying.enter_card(key=key, expires=expires, now=DECEMBER)


def renew(paying: Paying, *, expires: tuple[int, int] = NEW_DATE, key: str = "page-2") -> None:
    paying.tell(COMPLETED, enter_again(paying, expires=expires, key=key), now=DECEMBER)


def attached(paying: Paying) -> list[str]:
    """The cards that Stripe would charge for us, newest first."""
    customers = paying.read("customers")
    return [method["id"] for method in paying.read("payment_methods", customer=customers[0]["id"])]


def date_of(card: Card) -> tuple[int, int]:
    return card.exp_year, card.exp_month


def assert_one_card(paying: Paying, date: tuple[int, int]) -> None:
    """It has this date, is the default, and is all that Stripe has; nothing is held and nothing was charged."""
    (card,) = paying.stored_cards
    assert (card.is_usable, date_of(card)) == (True, date)
    assert paying.wallet.default_card is not None
    assert paying.wallet.default_card.payment_method_id == card.payment_method_id
    assert attached(paying) == [card.payment_method_id]
    holds = paying.read("payment_intents")
    assert {hold["status"] for hold in holds} <= {"canceled", "requires_payment_method"}
    assert sum(hold["amount_received"] for hold in holds) == 0


def test_the_same_card_with_a_new_date_is_verified_by_a_hold_and_takes_the_old_ones_place(acme: Paying) -> None:
    (old,) = acme.cards
    Cards(acme.database).mark_expiry_told(old, 7)
    renew(acme)
    (new,) = acme.cards
    assert new.payment_method_id != old.payment_method_id
    assert (new.fingerprint, new.added_at, new.expiry_told_days) == (old.fingerprint, old.added_at, None)
    assert [hold["amount"] for hold in acme.read("payment_intents")] == [100, 100]
    assert_one_card(acme, NEW_DATE)


def test_a_renewed_card_that_is_not_the_default_does_not_become_it(acme: Paying) -> None:
    acme.add_card("pm_card_mastercard", key="other", now=DECEMBER)
    visa, mastercard = acme.cards
    make_default(acme.store, "acme", mastercard.payment_method_id, DECEMBER)
    renew(acme)
    assert [date_of(card) for card in acme.cards] == [NEW_DATE, date_of(mastercard)]
    assert acme.cards[0].payment_method_id != visa.payment_method_id
    assert acme.wallet.default_card is not None
    assert acme.wallet.default_card.payment_method_id == mastercard.payment_method_id


def test_the_same_date_again_is_dropped_without_a_hold(acme: Paying) -> None:
    before = acme.cards
    renew(acme, expires=OLD_DATE)
    assert acme.cards == before
    assert len(acme.read("payment_intents")) == 1
    assert_one_card(acme, OLD_DATE)


def enter_refused(paying: Paying, *, key: str = "refused") -> str:
    session = enter_again(paying, expires=(2031, 1), key=key)
    paying.stripe.control(f"payment_methods/{attached(paying)[0]}", {"behavior": "incorrect_cvc"})
    return session


def test_a_new_date_that_is_declined_leaves_the_card_as_it_was_and_says_why_until_one_is_accepted(acme: Paying) -> None:
    (old,) = acme.cards
    acme.tell(COMPLETED, enter_refused(acme), now=DECEMBER)
    (card,) = acme.cards
    assert (card.payment_method_id, date_of(card), card.is_usable) == (old.payment_method_id, OLD_DATE, True)
    shown = CardView.of(card, old.payment_method_id)
    assert shown.failure is not None
    assert (shown.verification, shown.is_default, shown.failure.code) == ("verified", True, "incorrect_cvc")
    assert_one_card(acme, OLD_DATE)
    renew(acme, key="page-3")
    assert acme.cards[0].failure is None
    assert_one_card(acme, NEW_DATE)


def pending(paying: Paying) -> None:
    session = paying.enter_card(expires=OLD_DATE)
    paying.fault("/v1/payment_intents", "timeout_before")
    with pytest.raises(PaymentsUnavailable):
        paying.tell(COMPLETED, session)


def failed(paying: Paying) -> None:
    session = paying.enter_card(expires=OLD_DATE)
    paying.stripe.control(f"payment_methods/{attached(paying)[0]}", {"behavior": "do_not_honor"})
    paying.tell(COMPLETED, session)


def removing(paying: Paying) -> None:
    paying.add_card(expires=OLD_DATE)
    paying.fault("/v1/payment_methods/*/detach", "timeout_before")
    remove_card(paying.store, paying.gateway, "acme", paying.cards[0].payment_method_id)


@pytest.mark.parametrize("begin", [pending, failed, removing])
def test_a_new_date_is_taken_whatever_was_under_way_with_the_card(
    paying: Paying, begin: Callable[[Paying], None]
) -> None:
    begin(paying)
    assert [card.verification for card in paying.stored_cards] == [begin.__name__]
    be_at(paying, NOW + MINUTE)
    paying.add_card(key="page-2", expires=NEW_DATE, now=NOW + MINUTE)
    assert_one_card(paying, NEW_DATE)


def test_a_new_date_that_is_told_of_many_times_is_verified_once(acme: Paying) -> None:
    session = enter_again(acme)
    for _ in range(3):
        acme.tell(COMPLETED, session, now=DECEMBER)
    acme.tell_all(now=DECEMBER)
    acme.tell_all(reverse=True, now=DECEMBER)
    assert len(acme.read("payment_intents")) == 2
    assert_one_card(acme, NEW_DATE)


def enter_two(paying: Paying) -> tuple[str, str]:
    """The customer is on two pages at once, and mistypes the year on the first."""
    first = enter_again(paying, expires=(2036, 6), key="page-2")
    be_at(paying, DECEMBER + MINUTE)
    return first, enter_again(paying, key="page-3")


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
def test_of_two_new_dates_the_one_that_was_entered_last_is_kept_whichever_is_told_first(
    acme: Paying, order: tuple[int, ...]
) -> None:
    sessions = enter_two(acme)
    for n in order:
        acme.tell(COMPLETED, sessions[n], now=DECEMBER)
    assert_one_card(acme, NEW_DATE)


class Once:
    """Lets something happen right before the next transaction is written."""

    def __init__(self, paying: Paying, happens: Callable[[], object]) -> None:
        self._happens: Callable[[], object] | None = happens
        paying.database.client.meta.events.register("before-call.dynamodb.TransactWriteItems", self._let)

    def _let(self, **_: Any) -> None:
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()


@pytest.mark.parametrize("faster", [0, 1])
def test_a_new_date_that_was_overtaken_while_it_was_verified_is_looked_at_again(acme: Paying, faster: int) -> None:
    sessions = enter_two(acme)
    Once(acme, lambda: acme.tell(COMPLETED, sessions[faster], now=DECEMBER))
    with pytest.raises(StoreBusy):
        acme.tell(COMPLETED, sessions[1 - faster], now=DECEMBER)
    acme.tell(COMPLETED, sessions[1 - faster], now=DECEMBER)
    assert_one_card(acme, NEW_DATE)


def test_two_workers_with_the_same_message_renew_the_card_once(acme: Paying) -> None:
    session = enter_again(acme)
    Once(acme, lambda: acme.tell(COMPLETED, session, now=DECEMBER))
    acme.tell(COMPLETED, session, now=DECEMBER)
    assert_one_card(acme, NEW_DATE)


def test_a_card_that_is_removed_while_its_new_date_is_verified_is_added_anew(acme: Paying) -> None:
    (old,) = acme.cards
    session = enter_again(acme)
    Once(acme, lambda: remove_card(acme.store, acme.gateway, "acme", old.payment_method_id))
    with pytest.raises(StoreBusy):
        acme.tell(COMPLETED, session, now=DECEMBER)
    acme.tell(COMPLETED, session, now=DECEMBER)
    assert_one_card(acme, NEW_DATE)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_kill_around_any_write_of_a_new_date_ends_in_one_card(
    acme: Paying, write: int, moment: str, *, accepted: bool
) -> None:
    session = enter_again(acme) if accepted else enter_refused(acme)
    KillSwitch(acme.database, write, moment=moment)
    with pytest.raises(Killed):
        acme.tell(COMPLETED, session, now=DECEMBER)
    acme.tell(COMPLETED, session, now=DECEMBER)
    acme.tell_all(now=DECEMBER)
    acme.reconcile(DECEMBER + 6 * MINUTE)
    assert (acme.cards[0].failure is None) == accepted
    assert_one_card(acme, NEW_DATE if accepted else OLD_DATE)


def test_the_kills_above_stand_around_every_write_of_a_new_date(acme: Paying) -> None:
    switch = KillSwitch(acme.database, None, moment="before")
    renew(acme)
    assert switch.writes == 2


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_after"])
@pytest.mark.parametrize(
    "path", ["/v1/payment_intents", "/v1/payment_intents/*/cancel", "/v1/payment_methods/*/detach"]
)
@pytest.mark.parametrize("first", ["new", "old"])
def test_a_new_date_without_an_answer_of_stripe_is_finished_by_whatever_is_told_next(
    acme: Paying, path: str, fault: str, first: str
) -> None:
    session = enter_again(acme)
    acme.fault(path, fault)
    with pytest.raises(PaymentsUnavailable):
        acme.tell(COMPLETED, session, now=DECEMBER)
    if first == "old":
        acme.tell_all(now=DECEMBER + 15 * MINUTE)
    acme.tell(COMPLETED, session, now=DECEMBER + 15 * MINUTE)
    assert_one_card(acme, NEW_DATE)


def test_a_hold_for_a_new_date_is_found_and_released_however_long_ago_it_was_left(acme: Paying) -> None:
    session = enter_again(acme)
    acme.fault("/v1/payment_intents/*/cancel", "timeout_before")
    with pytest.raises(PaymentsUnavailable):
        acme.tell(COMPLETED, session, now=DECEMBER)
    two_days_later = DECEMBER + timedelta(days=2)
    be_at(acme, two_days_later)
    acme.tell(COMPLETED, session, now=two_days_later)
    assert len(acme.read("payment_intents")) == 2
    assert_one_card(acme, NEW_DATE)


def test_a_card_that_was_detached_at_stripe_is_whole_again_once_it_is_entered_anew(paying: Paying) -> None:
    """By hand, in Stripe's dashboard: refills stop as `card_unusable`, whose sentence says to add the card again."""
    paying.add_card(expires=NEW_DATE)
    be_at(paying, DECEMBER)
    paying.store.adjust("5", "start", now=DECEMBER)
    paying.gateway.detach(paying.cards[0].payment_method_id)
    paying.auto_refill(now=DECEMBER)
    paying.charge_pending(now=DECEMBER)
    assert suspended(paying) == "card_unusable"
    renew(paying)
    assert_one_card(paying, NEW_DATE)
    assert suspended(paying) is None
    assert paying.top_up("50", card=paying.cards[0].payment_method_id, now=DECEMBER).status == "Paid"


def suspended(paying: Paying) -> str | None:
    assert paying.wallet.refill is not None
    return paying.wallet.refill.suspended


def test_a_charge_by_the_old_date_that_stripe_never_heard_of_fails_and_charges_nothing(acme: Paying) -> None:
    acme.fault("/v1/payment_intents", "timeout_before")
    old = acme.cards[0].payment_method_id
    assert acme.top_up("50", card=old, now=DECEMBER).status == "Processing"
    renew(acme)
    transaction = acme.top_up("50", card=old, now=DECEMBER)
    assert transaction.failure is not None
    assert (transaction.status, transaction.failure.code) == ("Failed", "card_unusable")
    assert acme.wallet.balance_micros == 0
    assert acme.top_up("50", card=acme.cards[0].payment_method_id, transaction_id="tx_2", now=DECEMBER).status == "Paid"


def test_a_charge_by_the_old_date_that_arrived_without_an_answer_is_credited_once(paying: Paying) -> None:
    paying.add_card(expires=OLD_DATE)
    paying.fault("/v1/payment_intents", "timeout_after")
    old = paying.cards[0].payment_method_id
    assert paying.top_up("50", card=old).status == "Processing"
    be_at(paying, NOW + MINUTE)
    paying.add_card(key="page-2", expires=NEW_DATE)
    assert paying.top_up("50", card=old).status == "Paid"
    paying.reconcile(NOW + 10 * MINUTE)
    assert paying.wallet.balance_micros == micros("50")
    assert sum(intent["amount_received"] for intent in paying.read("payment_intents")) == 5000
