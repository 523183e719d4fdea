"""What people type finds the account that they mean."""

from dataclasses import replace

import pytest

from billing.domain.account import Account
from billing.domain.account_search import AccountSearch, beginning_of, fold, place, places_of
from billing.domain.standing import standing, standings_of, stands
from billing.domain.subscription import Period, Subscription
from billing.domain.wallet import Wallet
from tests.builders import NOW, dunning, wallet

ACCOUNT = Account("acme", "Łódź Calls", "Billing@Acme.example", "USD", "en", NOW)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Acme Ltd", "acme"),
        ("Acme Ltd", "ACME LTD"),
        ("ＣＡＦÉ", "cafe"),
        ("cafe\u0301", "CAFÉ"),
        ("Straße 5", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("مَطعم القُدس", "مطعم القدس"),
        ("株式会社山田", "株式"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("Ὀδυσσεύς", "οδυσσευσ"),
        ("한국전화", "한국"),
        ("100% 🎉 Calls", "100% 🎉"),
    ],
)
def test_case_width_and_accents_do_not_matter(name: str, typed: str) -> None:
    account = replace(ACCOUNT, name=name)
    assert AccountSearch(name=typed).finds(account, wallet())
    assert places_of(account)["name"].startswith(beginning_of(typed))


@pytest.mark.parametrize(("name", "typed"), [("Acme", "cme"), ("Acme", "acme ltd"), ("東京", "京")])
def test_a_name_is_found_by_its_beginning_alone(name: str, typed: str) -> None:
    assert not AccountSearch(name=typed).finds(replace(ACCOUNT, name=name), wallet())


def test_an_address_is_found_whole_in_any_case() -> None:
    assert AccountSearch(email="BILLING@acme.EXAMPLE").finds(ACCOUNT, wallet())
    assert not AccountSearch(email="billing@acme.exampl").finds(ACCOUNT, wallet())
    assert places_of(ACCOUNT)["email"] == place("billing@acme.example", "acme")


def test_a_very_long_name_has_a_place_that_a_table_takes_and_is_found_by_all_of_it() -> None:
    name = "\ufdfa" * 200  # a single character that stands for eighteen
    account = replace(ACCOUNT, name=name)
    assert len(places_of(account)["name"].encode()) < 500
    assert places_of(account)["name"].startswith(beginning_of(name))
    assert AccountSearch(name=name[:150]).finds(account, wallet())
    assert not AccountSearch(name=f"{name[:150]}x").finds(account, wallet())


def test_no_name_makes_a_place_with_a_second_line_break() -> None:
    for code in range(0x110000):
        character = chr(code)
        if not 0xD800 <= code <= 0xDFFF and character not in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029":
            assert "\n" not in fold(character)


def subscribed(**more: object) -> Wallet:
    subscription = Subscription(Period("free", 1, NOW, NOW), anchor_day=23)
    return replace(wallet(), subscription=replace(subscription, **more))  # type: ignore[arg-type]


UNPAID = dunning(NOW, 1, NOW)
LOCKED = dunning(NOW, 4, None, locked=True)


@pytest.mark.parametrize(
    ("stored", "group", "found_as"),
    [
        (wallet(), None, {"active"}),
        (replace(wallet(), paused=True), "paused", {"paused"}),
        (replace(wallet(), paused=True, lock_reason="不付"), "locked", {"locked"}),
        (subscribed(dunning=UNPAID), "active!due", {"active", "past_due"}),
        (replace(subscribed(dunning=UNPAID), paused=True), "paused!due", {"paused", "past_due"}),
        (subscribed(dunning=LOCKED), "locked!due", {"locked", "past_due"}),
        (subscribed(canceled=True), "canceled", {"canceled"}),
    ],
)
def test_a_wallet_is_in_the_group_of_each_status_that_finds_it(
    stored: Wallet, group: str | None, found_as: set[str]
) -> None:
    assert standing(stored) == group
    for status in ("active", "paused", "locked", "canceled", "past_due"):
        assert stands(stored, status) == (status in found_as)
        if group is not None:
            assert (group in standings_of(status)) == (status in found_as)
