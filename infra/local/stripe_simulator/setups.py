"""SetupIntents: saving a card for later without charging it."""

from infra.local.stripe_simulator.calls import Call, merge_metadata
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.customers import attach, check_customer, method_of_customer, refusal_at_once
from infra.local.stripe_simulator.errors import Json, StripeError, declined, invalid
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def create_setup(state: State, call: Call) -> Json:
    params = call.params
    if "customer" in params:
        state.find("customer", params["customer"], "customer")
    if "return_url" in params and not params.get("confirm"):
        raise invalid("`return_url` can only be set when `confirm` is true.", "return_url")
    if params.get("confirm"):
        _check_return_url(params, params.get("automatic_payment_methods", {}))
    method = None
    if "payment_method" in params:
        method = method_of_customer(state, params["payment_method"], params.get("customer"))
    setup = add_setup(state, params)
    if method is not None:
        setup |= {"payment_method": method["id"], "status": "requires_confirmation"}
    state.emit("setup_intent.created", setup)
    if params.get("confirm"):
        _confirm(state, setup)
    return setup


def add_setup(state: State, params: Json) -> Json:
    """A new SetupIntent that still needs a payment method; the caller emits `setup_intent.created`."""
    setup_id = state.new_id("seti")
    automatic = params.get("automatic_payment_methods", {"enabled": True})
    return state.add(
        "setup_intent",
        "seti",
        {
            "id": setup_id,
            "automatic_payment_methods": {"allow_redirects": "always"} | automatic,
            "client_secret": state.new_id(f"{setup_id}_secret"),
            "customer": params.get("customer"),
            "description": params.get("description"),
            "metadata": merge_metadata({}, params.get("metadata")),
            "payment_method_types": params.get("payment_method_types", ["card"]),
            "status": "requires_payment_method",
            "usage": params.get("usage", "off_session"),
        },
    )


def confirm_setup(state: State, call: Call) -> Json:
    setup = state.find("setup_intent", call.target)
    if setup["status"] not in _CONFIRMABLE:
        message = f"You cannot confirm this SetupIntent because it has already {setup['status']}."
        raise invalid(message, code="setup_intent_unexpected_state", setup_intent=copied(setup))
    check_customer(state, setup)
    _check_return_url(call.params, setup["automatic_payment_methods"])
    if "payment_method" in call.params:
        setup["payment_method"] = method_of_customer(state, call.params["payment_method"], setup["customer"])["id"]
    _confirm(state, setup)
    return setup


def _check_return_url(params: Json, automatic: Json) -> None:
    if automatic.get("allow_redirects") != "never" and "return_url" not in params:
        message = (
            "This SetupIntent may use payment methods that redirect: provide a `return_url`, or set "
            "`automatic_payment_methods[allow_redirects]` to `never`."
        )
        raise invalid(message, "return_url")


def _confirm(state: State, setup: Json) -> None:
    if setup["payment_method"] is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise invalid(message, code="setup_intent_unexpected_state", setup_intent=copied(setup))
    method = state.find("payment_method", setup["payment_method"])
    if state.saved_cards[method["id"]].behavior.startswith("authentication"):
        setup |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}}
        state.emit("setup_intent.requires_action", setup)
        return
    set_up_in_person(state, setup, method)


def set_up_in_person(state: State, setup: Json, method: Json) -> None:
    """Save the card, its holder having authenticated where the bank asks for it. Raises the bank's refusal."""
    refusal = refusal_at_once(state, method)
    setup["next_action"] = None
    if refusal is not None:
        raise _refused(state, setup, method, refusal)
    setup |= {"payment_method": method["id"], "status": "succeeded", "last_setup_error": None}
    state.saved_cards[method["id"]].set_up = True
    if setup["customer"] is not None:
        attach(state, method, setup["customer"])
    state.emit("setup_intent.succeeded", setup)


def _refused(state: State, setup: Json, method: Json, refusal: Json) -> StripeError:
    error = refusal | {"payment_method": copied(method), "type": "card_error"}
    setup |= {"last_setup_error": error, "payment_method": None, "status": "requires_payment_method"}
    state.emit("setup_intent.setup_failed", setup)
    return declined(error, "setup_intent", copied(setup))


def list_setups(state: State, call: Call) -> Json:
    return list_page(state, state.all("setup_intent"), call.params, call.path)
