"""Payment methods of Stripe's, read on values."""

from datetime import UTC, datetime
from typing import Any

from billing.payments.reading import read_method
from tests.builders import NOW

CARD: dict[str, Any] = {"brand": "visa", "last4": "4242", "exp_month": 6, "exp_year": 2030, "fingerprint": "f1"}
METHOD: dict[str, Any] = {"id": "pm_1", "customer": "cus_1", "created": 1_795_000_000}


def test_a_card_is_known_by_its_numbers_fingerprint_and_without_one_by_itself() -> None:
    method = read_method(METHOD | {"type": "card", "card": CARD})
    token = read_method(METHOD | {"type": "card", "card": CARD | {"fingerprint": None}})
    cards = [each.as_card("acme", NOW) for each in (method, token)]
    assert [card and card.fingerprint for card in cards] == ["f1", "pm_1"]
    assert method.created_at == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


def test_a_bank_account_is_no_card() -> None:
    account = read_method(
        METHOD | {"type": "us_bank_account", "us_bank_account": {"last4": "6789", "fingerprint": "f2"}}
    )
    assert (account.type, account.customer_id, account.as_card("acme", NOW)) == ("us_bank_account", "cus_1", None)
