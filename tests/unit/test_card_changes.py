"""What becomes of a saved card, decided on values: the verdict of its bank, another date, the default, its removal."""

from dataclasses import replace

import pytest

from billing.domain.card import Card
from billing.domain.card_changes import (
    CardIsDefault,
    make_default,
    record_entered_date,
    record_network_date,
    record_verdict,
    remove,
)
from billing.domain.change import Moved, Unmoved
from billing.domain.declines import Failure
from billing.domain.errors import Conflict
from billing.domain.wallet import DefaultCard, Refill
from tests.builders import NOW, wallet

PENDING = Card("acme", "fingerprint-1", "pm_1", "visa", "4242", 12, 2026, "pending", NOW)
VERIFIED = replace(PENDING, verification="verified")
NEW_DATE = replace(VERIFIED, payment_method_id="pm_2", exp_year=2029)
DEFAULT = DefaultCard("pm_1", "fingerprint-1")
DECLINED = Failure("card_declined")


def test_the_first_card_that_is_verified_is_the_default() -> None:
    change = record_verdict(wallet(), PENDING, PENDING, None, NOW)
    assert change.wallet.default_card == DEFAULT
    assert change.also == (Moved(PENDING, VERIFIED),)


def test_a_further_card_that_is_verified_leaves_the_default_as_it_is() -> None:
    other = DefaultCard("pm_0", "fingerprint-0")
    change = record_verdict(wallet(default_card=other), PENDING, PENDING, None, NOW)
    assert (change.wallet.default_card, change.also) == (other, (Moved(PENDING, VERIFIED),))


def test_a_declined_card_is_not_kept_and_says_why() -> None:
    change = record_verdict(wallet(), PENDING, PENDING, DECLINED, NOW)
    assert change.wallet.default_card is None
    assert change.also == (Moved(PENDING, replace(PENDING, verification="failed", failure=DECLINED)),)


@pytest.mark.parametrize("current", [None, VERIFIED, replace(PENDING, payment_method_id="pm_9")])
def test_a_verdict_on_what_is_no_longer_pending_changes_nothing(current: Card | None) -> None:
    had = wallet()
    change = record_verdict(had, PENDING, current, None, NOW)
    assert (change.wallet, change.also) == (had, ())


def test_a_new_date_takes_the_old_ones_place_also_as_the_default() -> None:
    change = record_entered_date(wallet(default_card=DEFAULT), VERIFIED, NEW_DATE, current=VERIFIED, why=None, now=NOW)
    assert change.answer == "taken_over"
    assert change.wallet.default_card == DefaultCard("pm_2", "fingerprint-1")
    assert change.also == (Moved(VERIFIED, NEW_DATE),)


def test_a_declined_date_leaves_the_old_one_and_says_why() -> None:
    change = record_entered_date(
        wallet(default_card=DEFAULT), VERIFIED, NEW_DATE, current=VERIFIED, why=DECLINED, now=NOW
    )
    assert (change.answer, change.wallet.default_card) == ("declined", DEFAULT)
    assert change.also == (Moved(VERIFIED, replace(VERIFIED, failure=DECLINED)),)


@pytest.mark.parametrize(
    ("current", "answer"),
    [(NEW_DATE, "taken_over"), (None, "outrun"), (replace(VERIFIED, payment_method_id="pm_9"), "outrun")],
)
def test_a_date_that_was_taken_over_or_outrun_writes_nothing(current: Card | None, answer: str) -> None:
    had = wallet(default_card=DEFAULT)
    change = record_entered_date(had, VERIFIED, NEW_DATE, current=current, why=DECLINED, now=NOW)
    assert (change.answer, change.wallet, change.also) == (answer, had, ())


def test_what_the_network_changed_is_taken_over_and_only_a_new_date_is_said_to_be_one() -> None:
    had = wallet(default_card=DEFAULT)
    later = record_network_date(had, VERIFIED, replace(VERIFIED, exp_year=2029), NOW)
    assert (later.answer, later.also) == (True, (Moved(VERIFIED, replace(VERIFIED, exp_year=2029)),))
    number = record_network_date(had, VERIFIED, replace(VERIFIED, last4="1881"), NOW)
    assert (number.answer, number.also) == (False, (Moved(VERIFIED, replace(VERIFIED, last4="1881")),))
    same = record_network_date(had, VERIFIED, VERIFIED, NOW)
    assert (same.answer, same.also, same.wallet) == (False, (), had)


def test_a_default_is_chosen_only_while_the_card_is_as_it_was_read() -> None:
    change = make_default(wallet(), VERIFIED, NOW)
    assert (change.wallet.default_card, change.also) == (DEFAULT, (Unmoved(VERIFIED),))


def test_the_last_card_takes_auto_refill_with_it() -> None:
    had = wallet(default_card=DEFAULT, refill=Refill(enabled=True))
    change = remove(had, VERIFIED, [VERIFIED])
    assert (change.wallet.default_card, change.wallet.refill) == (None, Refill(enabled=False))
    assert change.answer.auto_refill_switched_off
    assert change.also == (Moved(VERIFIED, change.answer.card),)
    assert change.answer.card.verification == "removing"


def test_neither_a_default_beside_others_nor_a_card_that_is_being_verified_can_be_removed() -> None:
    other = replace(VERIFIED, fingerprint="fingerprint-2", payment_method_id="pm_2")
    with pytest.raises(CardIsDefault):
        remove(wallet(default_card=DEFAULT), VERIFIED, [VERIFIED, other])
    with pytest.raises(Conflict):
        remove(wallet(), PENDING, [PENDING])
