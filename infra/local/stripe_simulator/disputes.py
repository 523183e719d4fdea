"""Disputes: the money leaves when one is opened and returns when it is won. An inquiry moves none.

https://docs.stripe.com/disputes
"""

from infra.local.stripe_simulator import schema
from infra.local.stripe_simulator.balance import add_movement
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.charges import is_bank_debit
from infra.local.stripe_simulator.currencies import parse_currency
from infra.local.stripe_simulator.customers import card_of
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

DISPUTE_FEE = 1500
_DUE_IN_SECONDS = 9 * 24 * 3600
_DISPUTED = ("needs_response", "under_review")
_INQUIRED = ("warning_needs_response", "warning_under_review")
_CLOSINGS = dict.fromkeys(_DISPUTED, ("won", "lost")) | dict.fromkeys(_INQUIRED, ("warning_closed",))
_SET_BY_HAND = (*_DISPUTED, *_INQUIRED, "prevented")


def open_dispute(
    state: State,
    charge: Json,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    currency: str | None = None,
    inquiry: bool = False,
    with_money: bool = True,
    again: bool = False,
) -> Json:
    """The cardholder's bank questions a payment: `amount` minor units of it, or all, whatever was refunded of it.

    In another currency than the payment's the amount is what it is there. The money leaves at once, unless it is an
    inquiry or comes `with_money` false. `again`: an earlier dispute of the payment is over.
    """
    _check_disputable(state, charge, again=again)
    currency = charge["currency"] if currency is None else parse_currency(currency)
    if currency == charge["currency"]:
        amount = charge["amount_captured"] if amount is None else amount
        if not 1 <= amount <= charge["amount_captured"]:
            raise invalid(f"A dispute is of at most {charge['amount_captured']}.", "amount")
    elif amount is None or amount < 1:
        raise invalid("A dispute in another currency needs its amount there.", "amount")
    dispute = state.add(
        "dispute",
        "du",
        {
            "amount": amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "currency": currency,
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
    moves_money = with_money and not inquiry
    if moves_money:
        _take_money(state, dispute)
    state.emit("charge.dispute.created", dispute)
    if moves_money:
        state.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _check_disputable(state: State, charge: Json, *, again: bool) -> None:
    if not charge["paid"] or not charge["captured"]:
        raise invalid(f"Charge {charge['id']} is not captured.", "charge")
    earlier = [dispute for dispute in state.all("dispute") if dispute["charge"] == charge["id"]]
    if earlier and not again:
        raise invalid(f"Charge {charge['id']} is already disputed.", "charge")
    if any(dispute["status"] in _CLOSINGS for dispute in earlier):
        raise invalid(f"Charge {charge['id']} has a dispute that is still open.", "charge")


def withdraw(state: State, dispute_id: str) -> Json:
    """The money of a dispute leaves now. It is not taken twice."""
    dispute = state.find("dispute", dispute_id)
    if dispute["status"] not in _DISPUTED or _moved(dispute) < 0:
        raise invalid(f"There is nothing to withdraw for dispute {dispute_id}.", "dispute")
    _take_money(state, dispute)
    state.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _take_money(state: State, dispute: Json) -> None:
    movement = add_movement(state, "adjustment", dispute, -dispute["amount"], fee=DISPUTE_FEE)
    dispute["balance_transactions"].append(movement)


def _moved(dispute: Json) -> int:
    """Minor units of the settlement currency that the dispute has moved, without fees: below 0 they are gone."""
    return sum(movement["amount"] for movement in dispute["balance_transactions"])


def escalate(state: State, dispute_id: str) -> Json:
    """An inquiry becomes a dispute: the same object, and now its money leaves.

    https://docs.stripe.com/disputes/how-disputes-work
    """
    dispute = state.find("dispute", dispute_id)
    if dispute["status"] not in _INQUIRED:
        raise invalid(f"A dispute that is {dispute['status']} is no inquiry.", "dispute")
    if "payment_method_details" in dispute:
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    dispute["is_charge_refundable"] = False
    _set_status(state, dispute, "needs_response")
    _take_money(state, dispute)
    state.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def set_status(state: State, dispute_id: str, status: str) -> Json:
    """Give a dispute that is still open another status; no money moves. `prevented` ends it."""
    dispute = state.find("dispute", dispute_id)
    if status not in _SET_BY_HAND:
        raise invalid(f"status must be one of {', '.join(_SET_BY_HAND)}; a decision closes the dispute.", "status")
    same_kind = next((kind for kind in (_DISPUTED, _INQUIRED) if dispute["status"] in kind), ())
    if status not in (*same_kind, "prevented") or not same_kind:
        raise invalid(f"A dispute that is {dispute['status']} cannot become {status}.", "status")
    before = {"status": dispute["status"]}
    _set_status(state, dispute, status)
    if status == "prevented":
        state.emit("charge.dispute.closed", dispute, previous=before)
    return dispute


def _set_status(state: State, dispute: Json, status: str) -> None:
    before = {"status": dispute["status"]}
    dispute["status"] = status
    state.emit("charge.dispute.updated", dispute, previous=before)


def _method_details(state: State, charge: Json, *, inquiry: bool) -> Json:
    """Of a card; Stripe describes none for a bank debit."""
    if is_bank_debit(charge):
        return {}
    card = card_of(state, state.find("payment_method", charge["payment_method"]))
    case = "inquiry" if inquiry else "chargeback"
    details = {"brand": card.brand, "case_type": case, "network_reason_code": "10.4"}
    return {"payment_method_details": {"card": details, "type": "card"}}


def close_dispute(state: State, dispute_id: str, status: str, reinstated: int | None = None) -> Json:
    """The bank decides: `won` or `lost`; an inquiry ends as `warning_closed`, and nothing moves.

    `reinstated` minor units of the dispute's currency come back. Unless told otherwise these are, of what was
    withdrawn: if won all, and if lost what had been refunded before the dispute took the whole:
    https://support.stripe.com/questions/dispute-for-full-charge-amount-after-a-partial-refund-was-issued
    """
    dispute = state.find("dispute", dispute_id)
    allowed = _CLOSINGS.get(dispute["status"], ())
    if status not in allowed:
        raise invalid(f"A dispute that is {dispute['status']} can become: {', '.join(allowed) or 'nothing'}.", "status")
    if reinstated is not None and (status == "warning_closed" or reinstated < 0):
        raise invalid("An inquiry reinstates nothing, and a dispute nothing below 0.", "reinstated")
    if reinstated is None:
        charge = state.find("charge", dispute["charge"])
        reinstated = _due_back(dispute, charge, status) if _moved(dispute) < 0 else 0
    before = {"status": dispute["status"]}
    dispute["status"] = status
    if reinstated:
        fee = -DISPUTE_FEE if status == "won" else 0
        dispute["balance_transactions"].append(add_movement(state, "adjustment", dispute, reinstated, fee=fee))
        state.emit("charge.dispute.funds_reinstated", dispute)
    state.emit("charge.dispute.closed", dispute, previous=before)
    return dispute


def _due_back(dispute: Json, charge: Json, status: str) -> int:
    """Minor units of the dispute's currency. In another one than the payment's the refunded share counts, half up."""
    disputed: int = dispute["amount"]
    if status == "won":
        return disputed
    paid, left = charge["amount_captured"], charge["amount"] - charge["amount_refunded"]
    if dispute["currency"] == charge["currency"]:
        return max(0, disputed - int(left))
    return int((2 * disputed * (paid - left) + paid) // (2 * paid))


def list_disputes(state: State, call: Call) -> Json:
    return list_page(state, state.all("dispute"), call.params, call.path)
