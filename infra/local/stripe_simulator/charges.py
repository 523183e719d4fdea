"""Charges: each one attempt to get money."""

from infra.local.stripe_simulator.balance import add_movement
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.cards import BANK_ACCOUNT, LINK, Card, Decline
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.customers import card_of
from infra.local.stripe_simulator.errors import Json
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

HOLD_SECONDS = 7 * 24 * 3600
_RISK_SCORE = {"normal": 12, "elevated": 65, "highest": 85}


def list_charges(state: State, call: Call) -> Json:
    return list_page(state, state.all("charge"), call.params, call.path)


def add_charge(
    state: State, intent: Json, method: Json, decline: Decline | None, *, capture: bool, pending: bool = False
) -> Json:
    """Record one attempt to get money: succeeded (captured or held), failed, or pending while a bank is asked."""
    status = "pending" if pending else "succeeded" if decline is None else "failed"
    captured = capture and status != "failed"
    charge = state.add(
        "charge",
        "py" if method["type"] == BANK_ACCOUNT.token else "ch",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if captured else 0,
            "amount_refunded": 0,
            "billing_details": copied(method["billing_details"]),
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
            "paid": status == "succeeded",
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _method_details(state, intent, method, held=decline is None and not capture),
            "receipt_email": intent["receipt_email"],
            "refunded": False,
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": status,
        },
    )
    if captured and not pending:
        capture_money(state, charge)
    state.emit(f"charge.{status}", charge)
    return charge


def capture_money(state: State, charge: Json) -> None:
    """Move what was captured of a charge.

    A bank's is a `payment`: https://docs.stripe.com/reports/balance-transaction-types
    """
    kind = "payment" if is_bank_debit(charge) else "charge"
    charge["balance_transaction"] = add_movement(state, kind, charge, charge["amount_captured"])["id"]


def is_bank_debit(charge: Json) -> bool:
    return bool(charge["payment_method_details"]["type"] == BANK_ACCOUNT.token)


def _outcome(card: Card, decline: Decline | None) -> Json:
    risk = card.risk_level
    outcome: Json = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": "elevated_risk_level" if risk == "elevated" else None,
        "risk_level": risk,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if risk in _RISK_SCORE:
        outcome["risk_score"] = _RISK_SCORE[risk]
    if decline is None:
        return outcome
    refusal = {"reason": decline.decline_code or decline.code, "seller_message": decline.message}
    if decline.blocked:
        return outcome | refusal | {"network_status": "not_sent_to_network", "reason": "highest_risk_level",
                                    "type": "blocked"}  # fmt: skip
    return outcome | refusal | {"network_status": "declined_by_network", "type": "issuer_declined"}


def _method_details(state: State, intent: Json, method: Json, *, held: bool) -> Json:
    if method["type"] == LINK.token:
        return {"link": {"country": None}, "type": "link"}
    if method["type"] == BANK_ACCOUNT.token:
        return _bank_account_details(state, method)
    card = method["card"]
    same = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")
    details: Json = {name: card[name] for name in same} | {
        "amount_authorized": intent["amount"],
        "authorization_code": "123456",
        "checks": copied(card["checks"]),
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


def _bank_account_details(state: State, method: Json) -> Json:
    account = method["us_bank_account"]
    same = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
    details = {name: account[name] for name in same}
    details |= {"mandate": state.new_id("mandate"), "payment_reference": None}
    return {"type": method["type"], method["type"]: details}
