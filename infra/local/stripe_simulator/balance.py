"""The account's balance, and the balance transactions that move its money."""

from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.errors import Json
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

_FEE_PER_MILLE = 29
_FEE_FIXED = 30
_AVAILABLE_AFTER_SECONDS = 2 * 24 * 3600

# What a movement counts as where that is not its type. https://docs.stripe.com/reports/reporting-categories
_REPORTED_AS = {"payment": "charge", "payment_refund": "refund"}


def add_movement(state: State, kind: str, source: Json, amount: int, *, fee: int | None = None) -> Json:
    """A balance transaction of `amount` minor units of the source's currency, negative when money leaves.

    It, and its fee, are in the currency that money settles in. A payment costs 2.9 % + 30.
    """
    settled = state.settle(amount, source["currency"])
    if fee is None:
        fee = settled.amount * _FEE_PER_MILLE // 1000 + _FEE_FIXED if kind in {"charge", "payment"} else 0
    details = {
        "amount": fee, "application": None, "currency": settled.currency, "description": "Stripe processing fees",
        "type": "stripe_fee",
    }  # fmt: skip
    return state.add(
        "balance_transaction",
        "txn",
        {
            "amount": settled.amount,
            "available_on": state.now() + _AVAILABLE_AFTER_SECONDS,
            "balance_type": "payments",
            "currency": settled.currency,
            "exchange_rate": None if settled.exchange_rate is None else float(settled.exchange_rate),
            "fee": fee,
            "fee_details": [details] if fee else [],
            "net": settled.amount - fee,
            "reporting_category": _reported_as(kind, amount),
            "source": source["id"],
            "status": "pending",
            "type": kind,
        },
    )


def _reported_as(kind: str, amount: int) -> str:
    if kind == "adjustment":
        return "dispute" if amount < 0 else "dispute_reversal"
    return _REPORTED_AS.get(kind, kind)


def list_movements(state: State, call: Call) -> Json:
    return list_page(state, state.all("balance_transaction"), call.params, call.path)


def retrieve_balance(state: State, _call: Call) -> Json:
    available, pending = {"usd": 0}, {"usd": 0}
    for movement in state.all("balance_transaction"):
        totals = available if movement["available_on"] <= state.now() else pending
        totals[movement["currency"]] = totals.get(movement["currency"], 0) + movement["net"]
    return {
        "object": "balance", "available": _amounts(available), "livemode": False, "pending": _amounts(pending),
    }  # fmt: skip


def _amounts(totals: dict[str, int]) -> list[Json]:
    return [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in totals.items()
    ]
