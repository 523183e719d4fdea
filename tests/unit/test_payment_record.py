"""The state machine of a transaction: which report may follow which, in every order."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from billing.domain.charge_limits import (
    hold_minor_units,
    largest_charge_micros,
    least_charge_micros,
    most_by_stripe_micros,
)
from billing.domain.declines import Failure, decline
from billing.domain.transaction import (
    Outcome,
    PaymentReport,
    Transaction,
    TransactionKind,
    TransactionStatus,
    chargeable,
    is_declined,
    record,
)
from billing.words.decline_texts import why_not_paid
from infra.local.stripe_simulator.currencies import check_amount
from tests.builders import NOW, micros

OUTCOMES: tuple[Outcome, ...] = ("succeeded", "declined", "needs_customer", "canceled", "held", "pending")
STATUSES: tuple[TransactionStatus, ...] = ("Checkout", "Processing", "Paid", "Failed")


def transaction(status: TransactionStatus = "Processing", kind: TransactionKind = "top_up") -> Transaction:
    return Transaction("tx_1", "acme", kind, status, micros("50"), "USD", NOW, NOW + timedelta(minutes=5))


def report(outcome: Outcome, *, received: str = "50", currency: str = "USD") -> PaymentReport:
    arrived = micros(received) if outcome == "succeeded" else 0
    why = Failure("insufficient_funds") if outcome == "declined" else None
    return PaymentReport("tx_1", "acme", "pi_1", outcome, arrived, currency, failure=why)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_paid_is_final(outcome: Outcome) -> None:
    paid = record(transaction(), report("succeeded"), NOW)
    assert record(paid, report(outcome), NOW + timedelta(days=1)) == paid


@pytest.mark.parametrize("status", ["Checkout", "Processing", "Failed"])
def test_money_that_arrived_wins_over_whatever_was_said_before(status: TransactionStatus) -> None:
    after = record(transaction(status), report("succeeded"), NOW)
    assert (after.status, after.paid_at, after.failure, after.check_at) == ("Paid", NOW, None, None)


@pytest.mark.parametrize("reports", list(product(OUTCOMES, repeat=3)), ids="-".join)
def test_in_any_order_it_is_paid_exactly_where_money_arrived(reports: tuple[Outcome, ...]) -> None:
    state = transaction()
    for outcome in reports:
        state = record(state, report(outcome), NOW)
    assert (state.status == "Paid") == ("succeeded" in reports)


@pytest.mark.parametrize(("status", "outcome"), list(product(STATUSES, OUTCOMES)))
def test_the_same_report_twice_is_as_once(status: TransactionStatus, outcome: Outcome) -> None:
    once = record(transaction(status), report(outcome), NOW)
    assert record(once, report(outcome), NOW + timedelta(hours=1)) == once


def test_a_decline_on_a_page_leaves_it_open() -> None:
    assert record(transaction("Checkout"), report("declined"), NOW).status == "Checkout"


@pytest.mark.parametrize(("kind", "status"), [("top_up", "Checkout"), ("auto_refill", "Failed"), ("renewal", "Failed")])
def test_where_the_bank_demands_the_customer_only_one_who_is_there_can_go_on(
    kind: TransactionKind, status: TransactionStatus
) -> None:
    asked = replace(report("needs_customer"), failure=Failure("authentication_required"))
    assert record(transaction(kind=kind), asked, NOW).status == status


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("insufficient_funds", True),
        ("card_unusable", True),
        ("authentication_required", True),
        ("no_card", None),
        ("canceled", None),
        ("not_completed", None),
        ("currency_mismatch", None),
    ],
)
def test_what_a_card_refused_is_a_decline_and_what_nobody_asked_it_is_none(code: str, counts: bool | None) -> None:
    asked = transaction()
    assert is_declined(asked, replace(asked, status="Failed", failure=Failure(code))) is counts


def test_a_saved_card_s_charge_is_counted_when_it_is_answered_and_a_page_s_payment_is_not() -> None:
    asked, page, paid = transaction(), transaction("Checkout"), transaction("Paid")
    refused = replace(asked, status="Failed", failure=Failure("insufficient_funds"))
    assert is_declined(asked, paid) is False
    assert is_declined(asked, replace(asked, attempt=1)) is None
    assert is_declined(page, paid) is is_declined(None, paid) is is_declined(None, refused) is None
    assert (
        is_declined(refused, replace(refused, version=9)) is is_declined(paid, replace(paid, dispute_id="du_1")) is None
    )


def test_another_currency_is_never_credited() -> None:
    refused = record(transaction(), report("succeeded", currency="EUR"), NOW)
    assert (refused.status, refused.failure and refused.failure.code) == ("Failed", "currency_mismatch")
    assert refused.amount_micros == micros("50")


def test_the_amount_is_what_arrived() -> None:
    assert record(transaction(), report("succeeded", received="50.01"), NOW).amount_micros == micros("50.01")


@pytest.mark.parametrize(
    ("code", "decline_code", "known_as"),
    [
        ("card_declined", "insufficient_funds", "insufficient_funds"),
        ("card_declined", "generic_decline", "card_declined"),
        ("expired_card", None, "expired_card"),
        ("authentication_required", "authentication_required", "authentication_required"),
        ("authentication_required", "authentication_not_handled", "authentication_required"),
        (None, None, "card_declined"),
        ("card_declined", "a_code_that_stripe_will_invent", "a_code_that_stripe_will_invent"),
    ],
)
def test_every_decline_has_a_code_and_a_sentence(code: str | None, decline_code: str | None, known_as: str) -> None:
    why = decline(code, decline_code)
    assert why.code == known_as
    assert why_not_paid(why).endswith(".")


@pytest.mark.parametrize(
    "currency",
    ["USD", "JPY", "OMR", "AED", "HUF", "ISK", "KRW", "UGX", "VND", "TND", "IDR", "CZK", "CLP", "COP", "INR", "LBP"],
)
def test_holds_and_bounds_are_amounts_that_stripe_takes(currency: str) -> None:
    check_amount(hold_minor_units(currency), currency.lower())
    micros_a_minor_unit = {0: 1_000_000, 2: 10_000, 3: 1_000}
    for amount in (least_charge_micros(currency), largest_charge_micros(currency), most_by_stripe_micros(currency)):
        assert chargeable(amount, currency) == amount
        decimals = 0 if currency in {"JPY", "KRW", "VND", "CLP"} else 3 if currency in {"OMR", "TND"} else 2
        check_amount(amount // micros_a_minor_unit[decimals], currency.lower())


@pytest.mark.parametrize(
    ("currency", "largest", "most"),
    [
        ("USD", "10000", "999999"),
        ("IDR", "170000000", "9999999999"),
        ("COP", "45000000", "99999999"),
        ("HUF", "4000000", "99999999"),
        ("LBP", "900000000", "999999999"),
        ("INR", "900000", "9999999"),
        ("JPY", "1500000", "9999999900"),
        ("UZS", "999999", "999999"),
        ("VND", "99999900", "99999900"),
    ],
)
def test_a_top_up_ends_at_about_ten_thousand_dollars_or_where_stripe_does(
    currency: str, largest: str, most: str
) -> None:
    assert largest_charge_micros(currency) == micros(largest)
    assert most_by_stripe_micros(currency) == micros(most)
