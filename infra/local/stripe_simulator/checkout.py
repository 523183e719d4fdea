"""Checkout Sessions: what the hosted page offers, and what its buttons do."""

from infra.local.stripe_simulator.calls import Call, merge_metadata
from infra.local.stripe_simulator.cards import BANK_ACCOUNT, LINK
from infra.local.stripe_simulator.currencies import check_amount, parse_currency
from infra.local.stripe_simulator.customers import (
    check_customer,
    create_customer,
    new_bank_account,
    new_link,
    usable_method,
)
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.payments import add_intent, cancel, pay_in_person
from infra.local.stripe_simulator.setups import add_setup, set_up_in_person
from infra.local.stripe_simulator.state import State

MIN_LIFE_SECONDS = 30 * 60
MAX_LIFE_SECONDS = 24 * 3600
# Half a minute of grace: the caller's clock is not the simulator's.
_CLOCK_GRACE_SECONDS = 30
_MAX_LINE_ITEMS = 100
_SWITCHED_ON = ("card", LINK.token, BANK_ACCOUNT.token)
_ONLY_IN = {"line_items": "payment", "payment_intent_data": "payment", "submit_type": "payment",
            "setup_intent_data": "setup"}  # fmt: skip


def create_session(state: State, call: Call) -> Json:
    params = call.params
    mode = _check_mode(params)
    customer = _customer(state, params)
    session_id = state.new_id("cs_live" if state.is_live else "cs_test")
    items = [_line_item(state, item, index) for index, item in enumerate(params.get("line_items", []))]
    total = sum(item["amount_total"] for item in items)
    currency = _currency(params, mode)
    offered = _offered(params, mode, currency)
    if mode == "payment" and currency is not None:
        check_amount(total, currency, "line_items")
    session = state.add(
        "checkout.session",
        "cs_test",
        {
            "id": session_id,
            "allowed_payment_method_types": params.get("allowed_payment_method_types"),
            "amount_subtotal": total if mode == "payment" else None,
            "amount_total": total if mode == "payment" else None,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "cancel_url": params.get("cancel_url"),
            "client_reference_id": params.get("client_reference_id"),
            "currency": currency,
            "custom_fields": [],
            "custom_text": {"after_submit": None, "shipping_address": None, "submit": None,
                            "terms_of_service_acceptance": None},
            "customer": params.get("customer"),
            "customer_creation": None if customer else params.get("customer_creation", "if_required"),
            "customer_details": _customer_details(params, customer),
            "customer_email": params.get("customer_email"),
            "expires_at": _expiry(state, params),
            "locale": params.get("locale"),
            "metadata": merge_metadata({}, params.get("metadata")),
            "mode": mode,
            "payment_method_collection": "if_required" if mode == "payment" else "always",
            "payment_method_types": offered,
            "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
            "phone_number_collection": {"enabled": False},
            "shipping_options": [],
            "status": "open",
            "submit_type": params.get("submit_type"),
            "success_url": params["success_url"],
            "total_details": _no_extras() if mode == "payment" else None,
            "ui_mode": "hosted_page",
            "url": f"{call.base_url}/c/pay/{session_id}",
        },
    )  # fmt: skip
    state.open_sessions.append(session_id)
    state.line_items[session_id] = items
    state.checkout_data[session_id] = params.get(f"{mode}_intent_data", {})
    if mode == "setup":
        _add_setup_intent(state, session)
    return session


def _check_mode(params: Json) -> str:
    mode: str = params.get("mode", "")
    if mode not in {"payment", "setup"}:
        problem = "this simulator has no subscriptions of Stripe's" if mode else "you must provide a mode"
        raise invalid(f"Invalid mode: {problem}.", "mode")
    for name, only_mode in _ONLY_IN.items():
        if name in params and mode != only_mode:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    if mode == "payment" and not params.get("line_items"):
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    if len(params.get("line_items", [])) > _MAX_LINE_ITEMS:
        raise invalid(f"A session has at most {_MAX_LINE_ITEMS} line items.", "line_items")
    if "success_url" not in params:
        raise invalid("Missing required param: success_url.", "success_url", "parameter_missing")
    if "customer" in params and ("customer_email" in params or "customer_creation" in params):
        raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    return mode


def _offered(params: Json, mode: str, currency: str | None) -> list[str]:
    """What the page offers: of the methods that are switched on in the Dashboard, those that are allowed.

    A US bank account is debited in US dollars only.
    """
    allowed = params.get("allowed_payment_method_types", _SWITCHED_ON)
    offered = [name for name in _SWITCHED_ON if name in allowed]
    if BANK_ACCOUNT.token in offered and (mode, currency) != ("payment", "usd"):
        offered.remove(BANK_ACCOUNT.token)
    if not offered:
        raise invalid("No valid payment method types for this Checkout Session.", "allowed_payment_method_types")
    return offered


def _currency(params: Json, mode: str) -> str | None:
    if mode == "setup":
        if "currency" in params:
            return parse_currency(params["currency"])
        if "allowed_payment_method_types" not in params:
            raise invalid("Missing required param: currency.", "currency", "parameter_missing")
        return None
    currencies = {item["price_data"]["currency"].lower() for item in params["line_items"]}
    currencies |= {params["currency"].lower()} if "currency" in params else set()
    if len(currencies) > 1:
        raise invalid("All line items must have the same currency.", "line_items")
    return parse_currency(currencies.pop())


def _customer(state: State, params: Json) -> Json | None:
    return state.find("customer", params["customer"], "customer") if "customer" in params else None


def _customer_details(params: Json, customer: Json | None) -> Json | None:
    email = customer["email"] if customer else params.get("customer_email")
    if email is None and customer is None:
        return None
    return {
        "address": None, "business_name": None, "email": email, "individual_name": None, "name": None, "phone": None,
        "tax_exempt": "none", "tax_ids": None,
    }  # fmt: skip


def _expiry(state: State, params: Json) -> int:
    expires_at: int = params.get("expires_at", state.now() + MAX_LIFE_SECONDS)
    life = expires_at - state.now()
    if not MIN_LIFE_SECONDS - _CLOCK_GRACE_SECONDS <= life <= MAX_LIFE_SECONDS + _CLOCK_GRACE_SECONDS:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise invalid(message, "expires_at")
    return expires_at


def _no_extras() -> Json:
    return {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}


def _line_item(state: State, item: Json, index: int) -> Json:
    name = f"line_items[{index}]"
    if "price_data" not in item:
        raise invalid(f"Missing required param: {name}[price_data].", f"{name}[price_data]", "parameter_missing")
    price_data, quantity = item["price_data"], item.get("quantity", 0)
    for part in ("product_data", "unit_amount"):
        if part not in price_data:
            full = f"{name}[price_data][{part}]"
            raise invalid(f"Missing required param: {full}.", full, "parameter_missing")
    if quantity < 1 or price_data["unit_amount"] < 0:
        raise invalid("This value must be greater than or equal to 1.", name, "parameter_invalid_integer")
    amount = price_data["unit_amount"] * quantity
    currency = parse_currency(price_data["currency"], f"{name}[price_data][currency]")
    return {
        "id": state.new_id("li"), "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0,
        "amount_total": amount, "currency": currency, "description": price_data["product_data"]["name"],
        "price": _price(state, price_data["unit_amount"], currency), "quantity": quantity,
    }  # fmt: skip


def _price(state: State, unit_amount: int, currency: str) -> Json:
    return {
        "id": state.new_id("price"), "object": "price", "active": False, "billing_scheme": "per_unit",
        "created": state.now(), "currency": currency, "custom_unit_amount": None, "livemode": False,
        "lookup_key": None, "metadata": {}, "nickname": None, "product": state.new_id("prod"), "recurring": None,
        "tax_behavior": "unspecified", "tiers_mode": None, "transform_quantity": None, "type": "one_time",
        "unit_amount": unit_amount, "unit_amount_decimal": str(unit_amount),
    }  # fmt: skip


def _add_setup_intent(state: State, session: Json) -> None:
    of_page = {"customer": session["customer"], "payment_method_types": session["payment_method_types"]}
    setup = add_setup(state, state.checkout_data[session["id"]] | of_page)
    session["setup_intent"] = setup["id"]
    state.emit("setup_intent.created", setup)


def open_session(state: State, session_id: str) -> Json:
    """The session, while its page can still be used; otherwise what Stripe says of a closed one."""
    session = state.find("checkout.session", session_id)
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can do this. This Checkout Session has a status of '
            f"{session['status']}."
        )
    return session


def complete(state: State, session_id: str, token: str, date: Json | None = None) -> Json:
    """The cardholder enters a card, with this date, and presses the button.

    The token `link` is Link's button, `us_bank_account` the debit of a bank account, which is not paid at once.

    Raises the decline; the session then stays open.
    """
    session = open_session(state, session_id)
    check_customer(state, session)
    method = _entered(state, session, token, date or {})
    if session["mode"] == "setup":
        set_up_in_person(state, state.find("setup_intent", session["setup_intent"]), method)
    else:
        intent = _payment_intent(state, session)
        pay_in_person(state, intent, method)
        session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    session |= {"status": "complete", "url": None}
    state.emit("checkout.session.completed", session)
    return session


def _entered(state: State, session: Json, token: str, date: Json) -> Json:
    kind = token if token in {LINK.token, BANK_ACCOUNT.token} else "card"
    if kind not in session["payment_method_types"]:
        raise invalid(f"The page does not offer {kind}.", "card")
    if kind == LINK.token:
        return new_link(state, (session["customer_details"] or {}).get("email"))
    if kind == BANK_ACCOUNT.token:
        return new_bank_account(state)
    method = usable_method(state, token, "card")
    method["card"] |= date
    return method


def _payment_intent(state: State, session: Json) -> Json:
    if session["payment_intent"] is not None:
        return state.find("payment_intent", session["payment_intent"])
    if session["customer"] is None and session["customer_creation"] == "always":
        session["customer"] = _guest(state, session)["id"]
    data = state.checkout_data[session["id"]] | {
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": session["customer"],
        "payment_method_types": session["payment_method_types"],
    }
    intent = add_intent(state, data)
    session["payment_intent"] = intent["id"]
    state.emit("payment_intent.created", intent)
    return intent


def _guest(state: State, session: Json) -> Json:
    params = {"email": session["customer_email"]} if session["customer_email"] else {}
    return create_customer(state, Call(params, "", "/v1/customers", ""))


def expire_session(state: State, call: Call) -> Json:
    session = open_session(state, call.target)
    expire(state, session)
    return session


def expire(state: State, session: Json) -> None:
    """Close an open session, by request or because its time is over."""
    session |= {"status": "expired", "url": None}
    if session["payment_intent"] is not None:
        cancel(state, state.find("payment_intent", session["payment_intent"]), "expired")
    state.emit("checkout.session.expired", session)


def expire_due(state: State) -> None:
    """Close each session whose `expires_at` has come."""
    sessions = [state.find("checkout.session", session_id) for session_id in state.open_sessions]
    for session in sessions:
        if session["status"] == "open" and session["expires_at"] <= state.now():
            expire(state, session)
    state.open_sessions = [session["id"] for session in sessions if session["status"] == "open"]


def list_sessions(state: State, call: Call) -> Json:
    return list_page(state, state.all("checkout.session"), call.params, call.path)


def list_line_items(state: State, call: Call) -> Json:
    state.find("checkout.session", call.target)
    return list_page(state, state.line_items[call.target], call.params, call.path)
