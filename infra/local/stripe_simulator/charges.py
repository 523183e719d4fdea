"""Charges, and the balance transactions that move their money."""

from copy import deepcopy

from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.cards import Card, Decline
from infra.local.stripe_simulator.customers import card_of
from infra.local.stripe_simulator.errors import Json
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

HOLD_SECONDS = 7 * 24 * 3600
_FEE_PER_MILLE = 29
_FEE_FIXED = 30
_AVAILABLE_AFTER_SECONDS = 2 * 24 * 3600
_RISK_SCORE = {"normal": 12, "elevated": 65, "highest": 85}


def list_charges(state: State, call: Call) -> Json:
    return list_page(state, state.all("charge"), call.params, call.path)


def add_charge(state: State, intent: Json, method: Json, decline: Decline | None, *, capture: bool) -> Json:
    """Record one attempt to charge a card: succeeded (captured or held) or failed."""
    succeeded = decline is None
    captured = capture and succeeded
    charge = state.add(
        "charge",
        "ch",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if captured else 0,
            "amount_refunded": 0,
            "billing_details": deepcopy(method["billing_details"]),
            "calculated_statement_descriptor": "TALKTIME",
            "captured": captured,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(card_of(state, method), decline),
            "paid": succeeded,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _method_details(state, intent, method, held=succeeded and not capture),
            "receipt_email": intent["receipt_email"],
            "refunded": False,
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": "succeeded" if succeeded else "failed",
        },
    )
    if captured:
        charge["balance_transaction"] = add_movement(state, "charge", charge, intent["amount"])["id"]
    state.emit("charge.succeeded" if succeeded else "charge.failed", charge)
    return charge


def add_movement(state: State, kind: str, source: Json, amount: int, *, fee: int | None = None) -> Json:
    """A balance transaction of `amount` minor units, negative when money leaves; a charge pays 2.9 % + 30."""
    if fee is None:
        fee = amount * _FEE_PER_MILLE // 1000 + _FEE_FIXED if kind == "charge" else 0
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
            "reporting_category": "dispute" if kind == "adjustment" else kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        },
    )


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


def _outcome(card: Card, decline: Decline | None) -> Json:
    risk = card.risk_level
    outcome = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": "elevated_risk_level" if risk == "elevated" else None,
        "risk_level": risk,
        "risk_score": _RISK_SCORE[risk],
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if decline is None:
        return outcome
    refusal = {"reason": decline.decline_code or decline.code, "seller_message": decline.message}
    if decline.blocked:
        return outcome | refusal | {"network_status": "not_sent_to_network", "reason": "highest_risk_level",
                                    "type": "blocked"}  # fmt: skip
    return outcome | refusal | {"network_status": "declined_by_network", "type": "issuer_declined"}


def _method_details(state: State, intent: Json, method: Json, *, held: bool) -> Json:
    if method["type"] != "card":
        return {"link": {"country": None}, "type": "link"}
    card = method["card"]
    same = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")
    details: Json = {name: card[name] for name in same} | {
        "amount_authorized": intent["amount"],
        "authorization_code": "123456",
        "checks": deepcopy(card["checks"]),
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "network_token": None,
        "network_transaction_id": None,
        "three_d_secure": None,
        "wallet": None,
    }
    if held:
        details["capture_before"] = state.now() + HOLD_SECONDS
    return {"card": details, "type": "card"}
