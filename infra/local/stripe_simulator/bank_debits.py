"""Bank debits: asked for at once, and paid or bounced days later. https://docs.stripe.com/payments/ach-direct-debit"""

from infra.local.stripe_simulator.charges import add_charge, capture_money
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.customers import attach
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.state import State

# Stripe's error code and sentence, and the code of the banks' network. https://docs.stripe.com/error-codes and
# https://docs.stripe.com/declines/network-codes
_BOUNCES = {
    "account_closed": ("The customer's bank account has been closed.", "R02"),
    "debit_not_authorized": ("The customer has notified their bank that this payment was unauthorized.", "R10"),
    "insufficient_funds": ("The customer's account has insufficient funds to cover this payment.", "R01"),
    "no_account": ("The customer's bank account could not be located.", "R03"),
}
DEFAULT_BOUNCE = "insufficient_funds"


def begin_debit(state: State, intent: Json, method: Json) -> None:
    """Ask the customer's bank. Its answer takes days, and until then the intent is `processing`."""
    charge = add_charge(state, intent, method, None, capture=True, pending=True)
    intent |= {"latest_charge": charge["id"], "last_payment_error": None, "status": "processing"}
    if intent["setup_future_usage"] and intent["customer"]:
        attach(state, method, intent["customer"])
    state.saved_cards[method["id"]].consumed = method["customer"] is None
    state.emit("payment_intent.processing", intent)


def settle_debit(state: State, intent_id: str, *, succeed: bool, failure_code: str = DEFAULT_BOUNCE) -> Json:
    """The bank's answer: the money arrives, or the debit bounces. A hosted page's session hears of it, too."""
    if failure_code not in _BOUNCES:
        raise invalid(f"failure_code must be one of {', '.join(_BOUNCES)}", "failure_code")
    intent = state.find("payment_intent", intent_id)
    if intent["status"] != "processing":
        raise invalid(f"The PaymentIntent is {intent['status']}: no bank is asked.", "payment_intent")
    charge = state.find("charge", intent["latest_charge"])
    if succeed:
        _arrive(state, intent, charge)
    else:
        _bounce(state, intent, charge, failure_code)
    for session in state.all("checkout.session"):
        if session["payment_intent"] == intent_id:
            _tell_session(state, session, succeed=succeed)
    return intent


def _arrive(state: State, intent: Json, charge: Json) -> None:
    charge |= {"paid": True, "status": "succeeded"}
    capture_money(state, charge)
    intent |= {"amount_received": charge["amount"], "status": "succeeded"}
    state.emit("charge.succeeded", charge)
    state.emit("payment_intent.succeeded", intent)


def _bounce(state: State, intent: Json, charge: Json, code: str) -> None:
    """The error is an `invalid_request_error`, and the charge stays `captured`: so Stripe's own events say.

    One of them: guardian/support-service-lambdas, payment-intent-issues, LocalTest.scala.
    """
    message, network_code = _BOUNCES[code]
    charge |= {"failure_code": code, "failure_message": message, "status": "failed"}
    error = {
        "charge": charge["id"],
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "network_decline_code": network_code,
        "payment_method": copied(state.find("payment_method", charge["payment_method"])),
        "type": "invalid_request_error",
    }
    intent |= {"last_payment_error": error, "payment_method": None, "status": "requires_payment_method"}
    state.emit("charge.failed", charge)
    state.emit("payment_intent.payment_failed", intent)


def _tell_session(state: State, session: Json, *, succeed: bool) -> None:
    """It was completed when the debit began; a bounced one stays `complete` and `unpaid`."""
    if succeed:
        session["payment_status"] = "paid"
    state.emit(f"checkout.session.async_payment_{'succeeded' if succeed else 'failed'}", session)
