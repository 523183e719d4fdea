"""Which handler serves which operation of Stripe's description."""

import re
from dataclasses import dataclass

from infra.local.stripe_simulator import (
    balance,
    charges,
    checkout,
    customers,
    disputes,
    events,
    payments,
    refunds,
    setups,
)
from infra.local.stripe_simulator.calls import Handler, retriever
from infra.local.stripe_simulator.errors import StripeError

HANDLERS: dict[str, Handler] = {
    "GET /v1/balance": balance.retrieve_balance,
    "GET /v1/balance_transactions": balance.list_movements,
    "GET /v1/balance_transactions/{id}": retriever("balance_transaction"),
    "GET /v1/charges": charges.list_charges,
    "GET /v1/charges/{charge}": retriever("charge"),
    "GET /v1/checkout/sessions": checkout.list_sessions,
    "POST /v1/checkout/sessions": checkout.create_session,
    "GET /v1/checkout/sessions/{session}": retriever("checkout.session"),
    "POST /v1/checkout/sessions/{session}/expire": checkout.expire_session,
    "GET /v1/checkout/sessions/{session}/line_items": checkout.list_line_items,
    "GET /v1/customers": customers.list_customers,
    "POST /v1/customers": customers.create_customer,
    "DELETE /v1/customers/{customer}": customers.delete_customer,
    "GET /v1/customers/{customer}": customers.retrieve_customer,
    "POST /v1/customers/{customer}": customers.update_customer,
    "GET /v1/customers/{customer}/payment_methods": customers.list_methods_of_customer,
    "GET /v1/disputes": disputes.list_disputes,
    "GET /v1/disputes/{dispute}": retriever("dispute"),
    "GET /v1/events": events.list_events,
    "GET /v1/events/{id}": events.retrieve_event,
    "GET /v1/payment_intents": payments.list_intents,
    "POST /v1/payment_intents": payments.create_intent,
    "GET /v1/payment_intents/search": payments.search_intents,
    "GET /v1/payment_intents/{intent}": retriever("payment_intent"),
    "POST /v1/payment_intents/{intent}/cancel": payments.cancel_intent,
    "POST /v1/payment_intents/{intent}/capture": payments.capture_intent,
    "POST /v1/payment_intents/{intent}/confirm": payments.confirm_intent,
    "GET /v1/payment_methods": customers.list_methods,
    "GET /v1/payment_methods/{payment_method}": customers.retrieve_method,
    "POST /v1/payment_methods/{payment_method}/attach": customers.attach_method,
    "POST /v1/payment_methods/{payment_method}/detach": customers.detach_method,
    "GET /v1/refunds": refunds.list_refunds,
    "POST /v1/refunds": refunds.create_refund,
    "GET /v1/refunds/{refund}": retriever("refund"),
    "GET /v1/setup_intents": setups.list_setups,
    "POST /v1/setup_intents": setups.create_setup,
    "GET /v1/setup_intents/{intent}": retriever("setup_intent"),
    "POST /v1/setup_intents/{intent}/confirm": setups.confirm_setup,
}


@dataclass(frozen=True, slots=True)
class Route:
    """An operation found for a request, and the id in its path (empty where it has none)."""

    operation: str
    target: str


_PATTERNS = [(name, re.compile(re.sub(r"\{\w+\}", "([^/]+)", name))) for name in HANDLERS]


def find_route(method: str, path: str) -> Route:
    """The operation for a request, the literal path before the one with an id; or Stripe's 404."""
    for name, pattern in _PATTERNS:
        match = pattern.fullmatch(f"{method} {path}")
        if match is not None:
            return Route(name, "".join(match.groups()))
    message = f"Unrecognized request URL ({method}: {path}). The simulator serves no such route."
    raise StripeError(404, "invalid_request_error", message)
