"""The account's balance, and the balance transactions that move its money."""

from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.errors import Json
from infra.local.stripe_simulator.state import State

_FEE_PER_MILLE = 29
_FEE_FIXED = 30
_AVAILABLE_AFTER_SECONDS = 2 * 24 * 3600

# What a movement counts as where that is not its type. https://docs.stripe.com/reports/reporting-categories
_REPORTED_AS = {"payment": "charge", "payment_refund": "refund"}


def add_movement(state: State, kind: str, source: Json, amount: int, *, fee: int | None = None) -> Json:
    """A balance transaction of `amount` minor units, negative when money leaves; a payment costs 2.9 % + 30."""
    if fee is None:
        fee = amount * _FEE_PER_MILLE // 1000 + _FEE_FIXED if kind in {"charge", "payment"} else 0
    details = {
        "amount": fee, "application": None, "currency": source["currency"], "description": "Stripe processing fees",
        "type": "stripe_fee",
    }  # fmt: skip
    return state.add(
        "balance_transaction",
        "txn",
        {
            "amount": amount,
            "available_on": state.now() + _AVAILABLE_AFTER_SECONDS,
            "balance_type": "payments",
            "currency": source["currency"],
            "fee": fee,
            "fee_details": [details] if fee else [],
            "net": amount - fee,
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
