"""PaymentIntents: create, confirm, capture, cancel, authenticate, expire, search."""

from infra.local.stripe_simulator.bank_debits import begin_debit
from infra.local.stripe_simulator.calls import Call, merge_metadata
from infra.local.stripe_simulator.cards import (
    AUTHENTICATION_FAILED,
    AUTHENTICATION_NOT_HANDLED,
    AUTHENTICATION_REQUIRED,
    BANK_ACCOUNT,
    Answer,
    Decline,
    ask_bank,
)
from infra.local.stripe_simulator.charges import HOLD_SECONDS, add_charge, capture_money
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.currencies import check_amount, parse_currency
from infra.local.stripe_simulator.customers import attach, card_of, check_customer, has_expired, method_of_customer
from infra.local.stripe_simulator.disputes import open_dispute
from infra.local.stripe_simulator.errors import Json, StripeError, declined, invalid
from infra.local.stripe_simulator.lists import list_page, search_page
from infra.local.stripe_simulator.refunds import add_refund
from infra.local.stripe_simulator.state import State

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
_ONLY_WITH_CONFIRM = ("off_session", "error_on_requires_action", "return_url")


def create_intent(state: State, call: Call) -> Json:
    params = call.params
    _check_creation(params)
    if "customer" in params:
        state.find("customer", params["customer"], "customer")
    method = None
    if "payment_method" in params:
        method = method_of_customer(state, params["payment_method"], params.get("customer"))
    intent = add_intent(state, params)
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    state.emit("payment_intent.created", intent)
    if params.get("confirm"):
        _confirm(state, intent, params)
    return intent


def _check_creation(params: Json) -> None:
    check_amount(params["amount"], parse_currency(params["currency"]))
    if params.get("confirm"):
        automatic = params.get("automatic_payment_methods", {})
        _check_return_url(params, automatic)
        return
    for name in _ONLY_WITH_CONFIRM:
        if name in params:
            raise invalid(f"`{name}` can only be set when `confirm` is true.", name)


def _check_return_url(params: Json, automatic: Json) -> None:
    """Without methods that redirect, or a customer present to be redirected, Stripe asks for no `return_url`."""
    on_session = not params.get("off_session") and not params.get("error_on_requires_action")
    may_redirect = automatic.get("enabled", on_session) and automatic.get("allow_redirects") != "never"
    if may_redirect and "return_url" not in params:
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never`.",
            "return_url",
        )


def add_intent(state: State, params: Json) -> Json:
    """A new PaymentIntent that still needs a payment method; the caller emits `payment_intent.created`."""
    intent_id = state.new_id("pi")
    automatic = params.get("automatic_payment_methods", {"enabled": True})
    return state.add(
        "payment_intent",
        "pi",
        {
            "id": intent_id,
            "amount": params["amount"],
            "amount_capturable": 0,
            "amount_received": 0,
            "automatic_payment_methods": {"allow_redirects": "always"} | automatic,
            "capture_method": params.get("capture_method", "automatic_async"),
            "client_secret": state.new_id(f"{intent_id}_secret"),
            "confirmation_method": "automatic",
            "currency": params["currency"].lower(),
            "customer": params.get("customer"),
            "description": params.get("description"),
            "metadata": merge_metadata({}, params.get("metadata")),
            "payment_method_options": {
                "card": {"installments": None, "mandate_options": None, "network": None,
                         "request_three_d_secure": "automatic"},
            },
            "payment_method_types": params.get("payment_method_types", ["card"]),
            "receipt_email": params.get("receipt_email") or None,
            "setup_future_usage": params.get("setup_future_usage"),
            "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
            "status": "requires_payment_method",
        },
    )  # fmt: skip


def confirm_intent(state: State, call: Call) -> Json:
    intent = _changeable(state, call.target, _CONFIRMABLE, "confirm")
    check_customer(state, intent)
    _check_return_url(call.params, intent["automatic_payment_methods"])
    if "payment_method" in call.params:
        method = method_of_customer(state, call.params["payment_method"], intent["customer"])
        intent["payment_method"] = method["id"]
    if "setup_future_usage" in call.params:
        intent["setup_future_usage"] = call.params["setup_future_usage"] or None
    _confirm(state, intent, call.params)
    return intent


def _confirm(state: State, intent: Json, params: Json) -> None:
    if intent["payment_method"] is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise invalid(message, code="payment_intent_unexpected_state", payment_intent=copied(intent))
    method = state.find("payment_method", intent["payment_method"])
    answer = _answer_of_bank(state, method, authenticated=False)
    if answer != "needs_authentication":
        settle(state, intent, method, answer)
    elif params.get("off_session"):
        settle(state, intent, method, AUTHENTICATION_REQUIRED)
    elif params.get("error_on_requires_action"):
        settle(state, intent, method, AUTHENTICATION_NOT_HANDLED)
    else:
        intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}}
        state.emit("payment_intent.requires_action", intent)


def pay_in_person(state: State, intent: Json, method: Json) -> None:
    """Confirm with the cardholder present, who authenticates where the bank asks for it. Raises the decline."""
    intent["payment_method"] = method["id"]
    answer = _answer_of_bank(state, method, authenticated=True)
    settle(state, intent, method, answer)


def authenticate(state: State, intent_id: str, *, succeed: bool) -> Json:
    """What the cardholder does with `requires_action`: pass or fail their bank's question."""
    intent = _changeable(state, intent_id, ("requires_action",), "authenticate")
    method = state.find("payment_method", intent["payment_method"])
    try:
        settle(state, intent, method, "approved" if succeed else AUTHENTICATION_FAILED)
    except StripeError:
        # The cardholder sees the refusal; the merchant reads it from the intent and the webhook.
        return intent
    return intent


def _answer_of_bank(state: State, method: Json, *, authenticated: bool) -> Answer:
    saved = state.saved_cards[method["id"]]
    expired = has_expired(state, method)
    return ask_bank(saved.behavior, set_up=saved.set_up, authenticated=authenticated, expired=expired)


def settle(state: State, intent: Json, method: Json, answer: Answer) -> None:
    """Carry out the bank's answer: a charge or hold, or a failed charge and the 402 that tells of it.

    A bank account's bank has not answered yet: the charge is pending.
    """
    intent["next_action"] = None
    if isinstance(answer, Decline):
        raise _decline(state, intent, method, answer)
    if method["type"] == BANK_ACCOUNT.token:
        begin_debit(state, intent, method)
        return
    captures = intent["capture_method"] != "manual"
    charge = add_charge(state, intent, method, None, capture=captures)
    intent |= {"latest_charge": charge["id"], "last_payment_error": None}
    saved = state.saved_cards[method["id"]]
    if intent["setup_future_usage"] and intent["customer"]:
        saved.set_up = True
        attach(state, method, intent["customer"])
    saved.consumed = method["customer"] is None
    if captures:
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        state.emit("payment_intent.succeeded", intent)
        _dispute_as_card_says(state, charge, method)
    else:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        state.holds.append(intent["id"])
        state.emit("payment_intent.amount_capturable_updated", intent)


def _decline(state: State, intent: Json, method: Json, decline: Decline) -> StripeError:
    charge = add_charge(state, intent, method, decline, capture=False)
    error: Json = {"charge": charge["id"], "code": decline.code, "message": decline.message, "type": "card_error"}
    error["doc_url"] = f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}"
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    error["payment_method"] = copied(method)
    intent |= {
        "latest_charge": charge["id"],
        "last_payment_error": error,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    state.emit("payment_intent.payment_failed", intent)
    return declined(error, "payment_intent", copied(intent))


def _dispute_as_card_says(state: State, charge: Json, method: Json) -> None:
    card = card_of(state, method)
    if card.dispute_reason is not None:
        open_dispute(state, charge, reason=card.dispute_reason, inquiry=card.inquiry)


def capture_intent(state: State, call: Call) -> Json:
    intent = _changeable(state, call.target, ("requires_capture",), "capture")
    held: int = intent["amount_capturable"]
    amount: int = call.params.get("amount_to_capture", held)
    if not 1 <= amount <= held:
        message = f"The requested capture amount must be between 1 and {held}."
        raise invalid(message, "amount_to_capture")
    charge = state.find("charge", intent["latest_charge"])
    intent["metadata"] = merge_metadata(intent["metadata"], call.params.get("metadata"))
    charge |= {"captured": True, "amount_captured": amount, "amount_refunded": charge["amount"] - amount}
    capture_money(state, charge)
    intent |= {"amount_capturable": 0, "amount_received": amount, "status": "succeeded"}
    state.emit("charge.captured", charge)
    state.emit("payment_intent.succeeded", intent)
    _dispute_as_card_says(state, charge, state.find("payment_method", charge["payment_method"]))
    return intent


def cancel_intent(state: State, call: Call) -> Json:
    intent = _changeable(state, call.target, _CANCELABLE, "cancel")
    sessions = [session["id"] for session in state.all("checkout.session") if session["payment_intent"] == intent["id"]]
    if sessions:
        raise invalid(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. Expire "
            f"{sessions[0]} instead."
        )
    cancel(state, intent, call.params.get("cancellation_reason"))
    return intent


def cancel(state: State, intent: Json, reason: str | None) -> None:
    """Cancel. A hold is released, which Stripe reports as a refund of a charge that was never captured."""
    if intent["status"] == "requires_capture":
        add_refund(state, state.find("charge", intent["latest_charge"]), intent["amount_capturable"], {})
    intent |= {
        "amount_capturable": 0,
        "canceled_at": state.now(),
        "cancellation_reason": reason or None,
        "next_action": None,
        "status": "canceled",
    }
    state.emit("payment_intent.canceled", intent)


def expire_holds(state: State) -> None:
    """Release what was held for longer than the card networks allow."""
    intents = [state.find("payment_intent", intent_id) for intent_id in state.holds]
    for intent in intents:
        if intent["status"] == "requires_capture" and _is_over(state, intent):
            state.emit("charge.expired", state.find("charge", intent["latest_charge"]))
            cancel(state, intent, "automatic")
    state.holds = [intent["id"] for intent in intents if intent["status"] == "requires_capture"]


def _is_over(state: State, hold: Json) -> bool:
    charge = state.find("charge", hold["latest_charge"])
    # By Link, as by a card, for a week.
    card = charge["payment_method_details"].get("card", {})
    return bool(card.get("capture_before", charge["created"] + HOLD_SECONDS) <= state.now())


def list_intents(state: State, call: Call) -> Json:
    return list_page(state, state.all("payment_intent"), call.params, call.path)


def search_intents(state: State, call: Call) -> Json:
    return search_page(state.all("payment_intent"), call.params, call.path)


def _changeable(state: State, intent_id: str, statuses: tuple[str, ...], verb: str) -> Json:
    intent = state.find("payment_intent", intent_id)
    if intent["status"] not in statuses:
        raise invalid(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses allows it: {', '.join(statuses)}.",
            code="payment_intent_unexpected_state",
            payment_intent=copied(intent),
        )
    return intent
