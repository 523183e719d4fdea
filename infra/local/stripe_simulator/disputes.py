"""Disputes: the money leaves when one is opened and returns when it is won. An inquiry moves none."""

from infra.local.stripe_simulator import schema
from infra.local.stripe_simulator.balance import add_movement
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.charges import is_bank_debit
from infra.local.stripe_simulator.customers import card_of
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

DISPUTE_FEE = 1500
_DUE_IN_SECONDS = 9 * 24 * 3600
_CLOSINGS = {
    "needs_response": ("won", "lost"), "under_review": ("won", "lost"), "warning_needs_response": ("warning_closed",),
}  # fmt: skip


def open_dispute(
    state: State, charge: Json, *, reason: str = "fraudulent", amount: int | None = None, inquiry: bool = False
) -> Json:
    """The cardholder's bank questions a captured charge: `amount` minor units of it, or all."""
    if not charge["paid"] or not charge["captured"] or charge["disputed"]:
        problem = "already disputed" if charge["disputed"] else "not captured"
        raise invalid(f"Charge {charge['id']} is {problem}.", "charge")
    amount = charge["amount_captured"] if amount is None else amount
    if not 1 <= amount <= charge["amount_captured"]:
        raise invalid(f"A dispute is of at most {charge['amount_captured']}.", "amount")
    dispute = state.add(
        "dispute",
        "du",
        {
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": schema.blank("dispute_evidence") | {"enhanced_evidence": {}},
            "evidence_details": {
                "due_by": state.now() + _DUE_IN_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": inquiry,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
            **_method_details(state, charge, inquiry=inquiry),
        },
    )  # fmt: skip
    charge["disputed"] = True
    if not inquiry:
        dispute["balance_transactions"].append(add_movement(state, "adjustment", dispute, -amount, fee=DISPUTE_FEE))
    state.emit("charge.dispute.created", dispute)
    if not inquiry:
        state.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _method_details(state: State, charge: Json, *, inquiry: bool) -> Json:
    """Of a card; Stripe describes none for a bank debit."""
    if is_bank_debit(charge):
        return {}
    card = card_of(state, state.find("payment_method", charge["payment_method"]))
    case = "inquiry" if inquiry else "chargeback"
    details = {"brand": card.brand, "case_type": case, "network_reason_code": "10.4"}
    return {"payment_method_details": {"card": details, "type": "card"}}


def close_dispute(state: State, dispute_id: str, status: str) -> Json:
    """The bank decides: `won` gives the money back, `lost` does not; an inquiry ends as `warning_closed`."""
    dispute = state.find("dispute", dispute_id)
    allowed = _CLOSINGS.get(dispute["status"], ())
    if status not in allowed:
        raise invalid(f"A dispute that is {dispute['status']} can become: {', '.join(allowed) or 'nothing'}.", "status")
    before = {"status": dispute["status"]}
    dispute["status"] = status
    if status == "won":
        dispute["balance_transactions"].append(
            add_movement(state, "adjustment", dispute, dispute["amount"], fee=-DISPUTE_FEE)
        )
        state.emit("charge.dispute.funds_reinstated", dispute)
    state.emit("charge.dispute.closed", dispute, previous=before)
    return dispute


def list_disputes(state: State, call: Call) -> Json:
    return list_page(state, state.all("dispute"), call.params, call.path)
