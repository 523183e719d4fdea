"""Customers and the payment methods they keep."""

from infra.local.stripe_simulator.calls import Call, merge_metadata
from infra.local.stripe_simulator.cards import BANK_ACCOUNT, CARDS, DECLINES, LINK, Card
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.errors import Json, StripeError, declined, invalid
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import SavedCard, State

_EXPIRES_IN_YEARS = 4
_NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def create_customer(state: State, call: Call) -> Json:
    params = dict(call.params)
    method = None
    if "payment_method" in params:
        method = usable_method(state, params.pop("payment_method"))
        check_attachable(state, method)
    customer = state.add(
        "customer",
        "cus",
        {
            "balance": 0,
            "delinquent": False,
            "invoice_prefix": state.new_id("x")[-8:].upper(),
            "invoice_settings": _invoice_settings(None),
            "metadata": {},
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "tax_exempt": "none",
        },
    )
    _set(state, customer, params)
    state.emit("customer.created", customer)
    if method is not None:
        attach(state, method, customer["id"])
    return customer


def update_customer(state: State, call: Call) -> Json:
    customer = state.find("customer", call.target)
    before = copied(customer)
    _set(state, customer, call.params)
    changed = {name: value for name, value in before.items() if customer[name] != value}
    if changed:
        state.emit("customer.updated", customer, previous=changed)
    return customer


def retrieve_customer(state: State, call: Call) -> Json:
    """A deleted one is answered, too: its id, and that it is deleted. https://docs.stripe.com/api/customers/retrieve"""
    return state.deleted.get(call.target) or state.find("customer", call.target)


def delete_customer(state: State, call: Call) -> Json:
    """No call may name it any more, and its payment methods are nobody's. What was paid keeps its id."""
    customer = state.find("customer", call.target)
    for method in state.all("payment_method"):
        if method["customer"] == customer["id"]:
            _release(state, method)
    answer = state.delete(customer)
    state.emit("customer.deleted", customer)
    return answer


def _set(state: State, customer: Json, params: Json) -> None:
    for name, value in params.items():
        if name == "metadata":
            customer["metadata"] = merge_metadata(customer["metadata"], value)
        elif name == "invoice_settings":
            customer["invoice_settings"] = _invoice_settings(_default_method(state, customer, value))
        elif name == "address":
            customer["address"] = _NO_ADDRESS | value if value else None
        elif name != "expand":
            customer[name] = None if value == "" else value


def _default_method(state: State, customer: Json, settings: Json) -> str | None:
    method_id: str | None = settings.get("default_payment_method") or None
    if method_id is not None:
        param = "invoice_settings[default_payment_method]"
        method = state.find("payment_method", method_id, param)
        if method["customer"] != customer["id"]:
            raise invalid(f"The customer does not have a payment method with the ID {method_id}.", param)
    return method_id


def _invoice_settings(default_method: str | None) -> Json:
    return {
        "custom_fields": None, "default_payment_method": default_method, "footer": None, "rendering_options": None,
    }  # fmt: skip


def list_customers(state: State, call: Call) -> Json:
    return list_page(state, state.all("customer"), call.params, call.path)


def list_methods(state: State, call: Call) -> Json:
    return list_page(state, state.all("payment_method"), call.params, call.path)


def list_methods_of_customer(state: State, call: Call) -> Json:
    customer = state.find("customer", call.target)
    return list_page(state, state.all("payment_method"), call.params | {"customer": customer["id"]}, call.path)


def retrieve_method(state: State, call: Call) -> Json:
    return usable_method(state, call.target, param=None)


def attach_method(state: State, call: Call) -> Json:
    if "customer" not in call.params:
        raise invalid("Missing required param: customer.", "customer", "parameter_missing")
    state.find("customer", call.params["customer"], "customer")
    method = usable_method(state, call.target, param=None)
    check_attachable(state, method)
    attach(state, method, call.params["customer"])
    return method


def detach_method(state: State, call: Call) -> Json:
    return detach(state, call.target)


def detach(state: State, method_id: str) -> Json:
    """Take a payment method from its customer, by a call or in the Dashboard. It can be used no more."""
    method = state.find("payment_method", method_id)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = state.find("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"] = _invoice_settings(None)
    _release(state, method)
    state.emit("payment_method.detached", method, previous={"customer": customer["id"]})
    return method


def _release(state: State, method: Json) -> None:
    method["customer"] = None
    state.saved_cards[method["id"]].consumed = True


def usable_method(state: State, method_id: str, param: str | None = "payment_method") -> Json:
    """The payment method named; a test card's token makes a new one of it, as at Stripe."""
    card = CARDS.get(method_id)
    return state.find("payment_method", method_id, param) if card is None else _new_card(state, card)


def new_link(state: State, email: str | None) -> Json:
    """A payment method that is no card."""
    return _new_method(state, LINK, {"link": {"email": email}, "type": "link"})


def new_bank_account(state: State) -> Json:
    """Stripe's test account at its test bank. https://docs.stripe.com/payments/ach-direct-debit#test"""
    account = {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": BANK_ACCOUNT.fingerprint,
        "last4": BANK_ACCOUNT.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
    }
    kind = BANK_ACCOUNT.token
    return _new_method(state, BANK_ACCOUNT, {"type": kind, kind: account})


def _new_card(state: State, card: Card) -> Json:
    return _new_method(
        state,
        card,
        {
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": None, "address_postal_code_check": None, "cvc_check": "unchecked",
                },
                "country": card.country,
                "display_brand": card.brand,
                "exp_month": 12,
                "exp_year": state.today().year + _EXPIRES_IN_YEARS,
                "fingerprint": card.fingerprint,
                "funding": card.funding,
                "generated_from": None,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "type": "card",
        },
    )  # fmt: skip


def _new_method(state: State, card: Card, details: Json) -> Json:
    method = state.add(
        "payment_method",
        "pm",
        {
            "allow_redisplay": "unspecified",
            "billing_details": {"address": _NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None},
            "metadata": {},
            **details,
        },
    )
    state.saved_cards[method["id"]] = SavedCard(card, card.behavior)
    return method


def card_of(state: State, method: Json) -> Card:
    """The test card that a payment method was made of, whatever number its network has given it since."""
    return state.saved_cards[method["id"]].card


def check_attachable(state: State, method: Json) -> None:
    """Raise Stripe's refusal of a card that is taken or spent, or the bank's of one that is declined at once."""
    if method["customer"] is not None:
        raise invalid("The payment method you provided has already been attached to a customer.")
    if state.saved_cards[method["id"]].consumed:
        raise _used_up()
    refusal = refusal_at_once(state, method)
    if refusal is not None:
        raise declined(refusal, "payment_method", method)


def attach(state: State, method: Json, customer_id: str) -> None:
    """Give a card to a customer; nothing where it is theirs already."""
    if method["customer"] == customer_id:
        return
    method["customer"] = customer_id
    if method["type"] == "card":
        method["card"]["checks"]["cvc_check"] = "pass"
    state.emit("payment_method.attached", method)


def refusal_at_once(state: State, method: Json) -> Json | None:
    """The error of a card that its bank refuses even to be saved, or None."""
    card, behavior = card_of(state, method), state.saved_cards[method["id"]].behavior
    if not card.declined_at_once or behavior == "succeed":
        return None
    decline = DECLINES[behavior]
    error = {"code": decline.code, "decline_code": decline.decline_code, "message": decline.message}
    return {name: value for name, value in error.items() if value is not None}


def check_customer(state: State, planned: Json) -> None:
    """Raise Stripe's refusal to go on with an intent or a page whose customer was deleted meanwhile."""
    if planned["customer"] is not None:
        state.find("customer", planned["customer"], "customer")


def method_of_customer(state: State, method_id: str, customer_id: str | None) -> Json:
    """The payment method for a payment of this customer, or Stripe's refusal to use one of another or a spent one."""
    method = usable_method(state, method_id)
    if state.saved_cards[method["id"]].consumed:
        raise _used_up()
    owner = method["customer"]
    if owner is not None and customer_id is None:
        message = (
            f"The payment method {method_id} belongs to a Customer. Please include the Customer in the `customer` "
            "parameter."
        )
        raise invalid(message, "payment_method")
    if owner is not None and owner != customer_id:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
            "attached to the customer."
        )
        raise invalid(message, "payment_method")
    return method


def has_expired(state: State, method: Json) -> bool:
    """Whether the month on the card is over. Stripe's clock is UTC."""
    if method["type"] != "card":
        return False
    today = state.today()
    return (method["card"]["exp_year"], method["card"]["exp_month"]) < (today.year, today.month)


def _used_up() -> StripeError:
    return invalid(
        "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, or was "
        "detached from a Customer, and may not be used again.",
        "payment_method",
    )
