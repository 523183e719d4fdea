"""Refunds: of a charge or its intent, whole or in parts, never more than is left."""

from infra.local.stripe_simulator.balance import add_movement
from infra.local.stripe_simulator.calls import Call, merge_metadata
from infra.local.stripe_simulator.charges import is_bank_debit
from infra.local.stripe_simulator.currencies import show
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State


def create_refund(state: State, call: Call) -> Json:
    charge = _charge_to_refund(state, call.params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = call.params.get("amount", left)
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount > left:
        currency = charge["currency"]
        message = (
            f"Refund amount ({show(amount, currency)}) is greater than unrefunded amount on charge "
            f"({show(left, currency)})"
        )
        raise invalid(message, "amount")
    return add_refund(state, charge, amount, call.params)


def _charge_to_refund(state: State, params: Json) -> Json:
    if "payment_intent" in params:
        intent = state.find("payment_intent", params["payment_intent"], "payment_intent")
        if intent["latest_charge"] is None or intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise invalid(message, "payment_intent", "payment_intent_unexpected_state")
        charge = state.find("charge", intent["latest_charge"])
    elif "charge" in params:
        charge = state.find("charge", params["charge"], "charge")
    else:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has not succeeded: there is nothing to refund.", "charge")
    if not charge["captured"]:
        message = "This uncaptured Charge was created by a PaymentIntent. You must cancel the PaymentIntent instead."
        raise invalid(message, "charge")
    if charge["refunded"]:
        raise invalid(f"Charge {charge['id']} has already been refunded.", "charge", "charge_already_refunded")
    disputes = [dispute for dispute in state.all("dispute") if dispute["charge"] == charge["id"]]
    if any(not dispute["is_charge_refundable"] for dispute in disputes):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, "charge", "charge_disputed")
    return charge


def add_refund(state: State, charge: Json, amount: int, params: Json) -> Json:
    """Give `amount` minor units of a charge back. Of a hold nothing moves: it is released."""
    refund = state.add(
        "refund",
        "re",
        {
            "amount": amount,
            "charge": charge["id"],
            "currency": charge["currency"],
            "destination_details": _destination(charge),
            "metadata": merge_metadata({}, params.get("metadata")),
            "payment_intent": charge["payment_intent"],
            "reason": params.get("reason"),
            "status": "succeeded",
        },
    )  # fmt: skip
    if charge["captured"]:
        kind = "payment_refund" if is_bank_debit(charge) else "refund"
        refund["balance_transaction"] = add_movement(state, kind, refund, -amount)["id"]
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    state.emit("refund.created", refund)
    changed = {name: value for name, value in before.items() if charge[name] != value}
    state.emit("charge.refunded", charge, previous=changed)
    return refund


def _destination(charge: Json) -> Json:
    kind = charge["payment_method_details"]["type"]
    if kind != "card":
        return {"type": kind}
    return {"card": {"type": "reversal" if not charge["captured"] else "refund"}, "type": "card"}


def fail_refund(state: State, refund_id: str) -> Json:
    """The bank does not take a refund: the merchant has the money again, and the charge counts it no more."""
    refund = state.find("refund", refund_id)
    if refund["status"] != "succeeded" or refund["balance_transaction"] is None:
        raise invalid(f"Refund {refund_id} gave nothing back.", "refund")
    before = {"status": refund["status"]}
    refund["status"], refund["failure_reason"] = "failed", "declined"
    movement = add_movement(state, "refund_failure", refund, refund["amount"])
    refund["failure_balance_transaction"] = movement["id"]
    charge = state.find("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    state.emit("refund.updated", refund, previous=before)
    state.emit("refund.failed", refund)
    return refund


def list_refunds(state: State, call: Call) -> Json:
    return list_page(state, state.all("refund"), call.params, call.path)
