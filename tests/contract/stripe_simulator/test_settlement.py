from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay


def _settle_in_dollars(simulator: RunningSimulator, **rates: str) -> None:
    simulator.control("settlement", {"currency": "usd", "rates": rates})


def _movements(client: StripeClient, **filters: Any) -> list[stripe.BalanceTransaction]:
    params: Any = filters
    return client.v1.balance_transactions.list(params).data[::-1]


def test_what_is_charged_in_one_currency_can_settle_in_another(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    _settle_in_dollars(simulator, eur="1.08")
    paid = pay(saved_card.id, amount=5000, currency="eur", expand=["latest_charge.balance_transaction"])
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    moved = charge.balance_transaction
    assert isinstance(moved, stripe.BalanceTransaction)
    assert (charge.amount, charge.currency) == (5000, "eur")
    assert (moved.amount, moved.currency, moved.exchange_rate) == (5400, "usd", 1.08)
    assert moved.net == moved.amount - moved.fee
    assert stripe_client.v1.balance.retrieve().pending[0].amount == moved.net


def test_a_dispute_and_a_refund_settle_at_the_rate_of_their_day(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    _settle_in_dollars(simulator, eur="1.08")
    paid = pay(saved_card.id, amount=5000, currency="eur")
    _settle_in_dollars(simulator, eur="1.10")
    refund = stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 2000})
    opened = simulator.control("disputes", {"payment_intent": paid.id})
    _settle_in_dollars(simulator, eur="1.05")
    simulator.control(f"disputes/{opened['id']}/close", {"status": "lost"})
    dispute = stripe_client.v1.disputes.retrieve(opened["id"])
    assert (dispute.amount, dispute.currency) == (5000, "eur")
    shown = [(moved.source, moved.amount, moved.currency, moved.exchange_rate) for moved in _movements(stripe_client)]
    assert shown == [
        (paid.latest_charge, 5400, "usd", 1.08),
        (refund.id, -2200, "usd", 1.1),
        (dispute.id, -5500, "usd", 1.1),
        (dispute.id, 2100, "usd", 1.05),
    ]


@pytest.mark.parametrize(
    "case",
    [
        ("eur", 50, "1.01", 51),  # 50.5
        ("eur", 50, "1.0099", 50),  # 50.495
        ("jpy", 1001, "0.0065", 651),  # 650.65 cents
        ("omr", 1000, "2.60", 260),
    ],
)
def test_money_is_rounded_half_up_to_the_minor_unit_of_where_it_settles(
    simulator: RunningSimulator,
    stripe_client: StripeClient,
    saved_card: stripe.PaymentMethod,
    pay: Pay,
    case: tuple[str, int, str, int],
) -> None:
    currency, amount, rate, settled = case
    simulator.control("settlement", {"currency": "usd", "rates": {currency: rate}})
    paid = pay(saved_card.id, amount=amount, currency=currency)
    stripe_client.v1.refunds.create({"payment_intent": paid.id})
    assert [moved.amount for moved in _movements(stripe_client)] == [settled, -settled]


def test_what_has_no_rate_settles_in_itself_as_does_everything_unless_told(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    _settle_in_dollars(simulator, eur="1.08")
    pay(saved_card.id, currency="gbp")
    simulator.control("settlement", {"currency": None})
    pay(saved_card.id, currency="eur")
    shown = [(moved.currency, moved.exchange_rate) for moved in _movements(stripe_client)]
    assert shown == [("gbp", None), ("eur", None)]


def test_a_dispute_may_be_in_another_currency_than_the_payment(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    simulator.control("settlement", {"currency": "eur", "rates": {"usd": "0.90"}})
    paid = pay(saved_card.id, amount=5000, currency="eur")
    stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 2000})
    body = {"payment_intent": paid.id, "amount": 5555, "currency": "usd"}
    dispute_id = simulator.control("disputes", body)["id"]
    simulator.control(f"disputes/{dispute_id}/close", {"status": "lost"})
    dispute = stripe_client.v1.disputes.retrieve(dispute_id)
    assert (dispute.amount, dispute.currency) == (5555, "usd")
    shown = [(moved.amount, moved.currency) for moved in dispute.balance_transactions]
    assert shown == [(-5000, "eur"), (2000, "eur")]
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control("disputes", {"payment_intent": paid.id, "currency": "usd", "again": True})


def test_movements_are_listed_by_source_and_type_and_page_and_name_their_source(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    refund = stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 500})
    dispute_id = simulator.control("disputes", {"payment_intent": paid.id})["id"]
    sources = [paid.latest_charge, refund.id, dispute_id]
    assert [moved.source for moved in _movements(stripe_client)] == sources
    for source, kind in zip(sources, ("charge", "refund", "adjustment"), strict=True):
        (by_source,) = _movements(stripe_client, source=source)
        (by_type,) = _movements(stripe_client, type=kind)
        assert by_source.id == by_type.id == stripe_client.v1.balance_transactions.retrieve(by_source.id).id
    first = stripe_client.v1.balance_transactions.list({"limit": 2, "expand": ["data.source"]})
    assert first.has_more
    assert [type(moved.source) for moved in first.auto_paging_iter()] == [
        stripe.Dispute,
        stripe.Refund,
        stripe.Charge,
    ]
    assert _movements(stripe_client, currency="eur") == []
    assert _movements(stripe_client, created={"lt": paid.created}) == []


@pytest.mark.parametrize(
    "body",
    [
        {"currency": "usd", "rates": {"eur": 1.08}},
        {"currency": "usd", "rates": {"eur": "0"}},
        {"currency": "usd", "rates": {"eur": "much"}},
        {"currency": "xxx"},
    ],
)
def test_a_settlement_that_makes_no_sense_is_refused(simulator: RunningSimulator, body: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control("settlement", body)
