"""A card's end is announced 30 days ahead and 7, once each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.card import Card, Verification
from billing.domain.card_expiry import announcement_due, expires_at
from billing.domain.month import Month
from billing.domain.notice_facts import CardExpiring
from billing.domain.notices import of_card
from billing.services.announce_expiring_cards import announce_expiring_cards
from billing.store.database import Database
from billing.store.store import Store
from tests.builders import NOW

END = datetime(2027, 1, 1, tzinfo=UTC)


def card(
    fingerprint: str = "fp_1", *, month: int = 12, year: int = 2026, verification: Verification = "verified"
) -> Card:
    return Card("acme", fingerprint, f"pm_{fingerprint}", "visa", "4242", month, year, verification, NOW)


def test_a_card_is_good_to_the_end_of_its_month() -> None:
    assert expires_at(card(month=12, year=2026)) == END
    assert expires_at(card(month=2, year=2027)) == datetime(2027, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days_left", "told", "due"),
    [
        (31, None, None),
        (30, None, 30),
        (29, 30, None),
        (12, None, 30),
        (7, 30, 7),
        (7, None, 7),
        (1, 7, None),
        (0, None, None),
        (-3, None, None),
    ],
)
def test_each_announcement_is_due_once(days_left: int, told: int | None, due: int | None) -> None:
    announced = replace(card(), expiry_told_days=told)
    assert announcement_due(announced, END - timedelta(days=days_left)) == due


def test_a_card_that_cannot_be_used_is_not_announced() -> None:
    assert announcement_due(card(verification="failed"), END - timedelta(days=5)) is None


def test_looking_again_on_the_same_day_announces_nothing_again(database: Database) -> None:
    store = Store(database)
    cards = store.cards
    for each in (card("a"), card("b", month=1, year=2027), card("c", month=12, year=2027)):
        cards.add(each)
    days = [END - timedelta(days=left) for left in (40, 30, 30, 29, 7, 6)]
    assert [announce_expiring_cards(store, day) for day in days] == [0, 1, 0, 0, 1, 0]
    told = {each.fingerprint: each.expiry_told_days for each in cards.of_account("acme")}
    assert told == {"a": 7, "b": None, "c": None}


def test_the_mark_on_a_card_is_what_tells() -> None:
    unmarked, at = card(), END - timedelta(days=29, hours=5)
    (notice,) = of_card(unmarked, replace(unmarked, expiry_told_days=30), at)
    assert isinstance(notice.facts, CardExpiring)
    assert (notice.facts.expires, notice.facts.days_left) == (Month(2026, 12), 29)
    marked = replace(unmarked, expiry_told_days=30)
    (later,) = of_card(marked, replace(marked, expiry_told_days=7), END - timedelta(days=7))
    assert later.notice_id != notice.notice_id
    assert of_card(marked, replace(marked, verification="removing"), at) == []
    assert of_card(None, marked, at) == []
