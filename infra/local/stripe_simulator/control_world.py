"""What cardholders, banks, card networks and the merchant's Dashboard do, as calls of the control API."""

from infra.local.stripe_simulator import bank_debits, checkout, customers, disputes, other_business, payments, refunds
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.cards import BEHAVIORS, fingerprint_of
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.fields import Types, read_fields
from infra.local.stripe_simulator.settlement import read_settlement
from infra.local.stripe_simulator.simulator import Simulator

_MONTHS = range(1, 13)
_DISPUTE: Types = {
    "reason": (str,), "amount": (int,), "currency": (str,), "inquiry": (bool,), "with_money": (bool,), "again": (bool,),
}  # fmt: skip
_DATE: Types = {"exp_month": (int,), "exp_year": (int,)}


async def complete_session(simulator: Simulator, target: str, body: Json) -> Json:
    fields = read_fields(body, {}, {"card": (str,)} | _DATE)
    token = fields.pop("card", "pm_card_visa")
    return checkout.complete(simulator.state, target, token, _checked_date(fields))


async def expire_session(simulator: Simulator, target: str, body: Json) -> Json:
    read_fields(body, {}, {})
    session = checkout.open_session(simulator.state, target)
    checkout.expire(simulator.state, session)
    return session


async def change_method(simulator: Simulator, target: str, body: Json) -> Json:
    """Make a saved card behave otherwise from now on, or have its network change its expiry or its number.

    Another number has another fingerprint: so Stripe tells of it, and so each later charge says.
    """
    fields = read_fields(body, {}, {"behavior": (str,), "last4": (str,), "number": (str,)} | _DATE)
    method = simulator.state.find("payment_method", target)
    if "behavior" in fields:
        if fields["behavior"] not in BEHAVIORS:
            raise invalid(f"behavior must be one of {', '.join(sorted(BEHAVIORS))}", "behavior")
        simulator.state.saved_cards[target].behavior = fields.pop("behavior")
    if fields and method["type"] != "card":
        raise invalid(f"A {method['type']} has neither a number nor a date.", "payment_method")
    if "number" in fields:
        number = fields.pop("number")
        fields |= {"last4": number[-4:], "fingerprint": fingerprint_of(number)}
    if _checked_date(fields):
        before = {name: method["card"][name] for name in fields}
        method["card"] |= fields
        simulator.state.emit("payment_method.automatically_updated", method, previous={"card": before})
    return method


async def delete_customer(simulator: Simulator, target: str, body: Json) -> Json:
    """Nobody's request: the merchant deletes the customer in the Dashboard."""
    read_fields(body, {}, {})
    return customers.delete_customer(simulator.state, Call({}, target, f"/v1/customers/{target}", ""))


async def detach_method(simulator: Simulator, target: str, body: Json) -> Json:
    """The merchant takes a card from its customer in the Dashboard."""
    read_fields(body, {}, {})
    return customers.detach(simulator.state, target)


def _checked_date(fields: Json) -> Json:
    if fields.get("exp_month", 1) not in _MONTHS:
        raise invalid("exp_month must be 1 to 12", "exp_month")
    return fields


async def authenticate_intent(simulator: Simulator, target: str, body: Json) -> Json:
    fields = read_fields(body, {}, {"succeed": (bool,)})
    return payments.authenticate(simulator.state, target, succeed=fields.get("succeed", True))


async def settle_debit(simulator: Simulator, target: str, body: Json) -> Json:
    fields = read_fields(body, {"succeed": (bool,)}, {"failure_code": (str,)})
    return bank_debits.settle_debit(simulator.state, target, **fields)


async def fail_refund(simulator: Simulator, target: str, body: Json) -> Json:
    read_fields(body, {}, {})
    return refunds.fail_refund(simulator.state, target)


async def create_dispute(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = read_fields(body, {"payment_intent": (str,)}, _DISPUTE)
    intent = simulator.state.find("payment_intent", fields.pop("payment_intent"), "payment_intent")
    if intent["latest_charge"] is None:
        raise invalid("This PaymentIntent has no charge.", "payment_intent")
    return disputes.open_dispute(simulator.state, simulator.state.find("charge", intent["latest_charge"]), **fields)


async def close_dispute(simulator: Simulator, target: str, body: Json) -> Json:
    fields = read_fields(body, {"status": (str,)}, {"reinstated": (int,)})
    return disputes.close_dispute(simulator.state, target, **fields)


async def withdraw_dispute(simulator: Simulator, target: str, body: Json) -> Json:
    read_fields(body, {}, {})
    return disputes.withdraw(simulator.state, target)


async def escalate_inquiry(simulator: Simulator, target: str, body: Json) -> Json:
    read_fields(body, {}, {})
    return disputes.escalate(simulator.state, target)


async def set_dispute_status(simulator: Simulator, target: str, body: Json) -> Json:
    fields = read_fields(body, {"status": (str,)}, {})
    return disputes.set_status(simulator.state, target, fields["status"])


async def do_other_business(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = read_fields(body, {"count": (int,), "seconds": (int,)}, {})
    other_business.do_other_business(simulator.state, **fields)
    return fields


async def set_settlement(simulator: Simulator, _target: str, body: Json) -> Json:
    """From now on all money settles in one currency; what has moved stays as it is."""
    fields = read_fields(body, {"currency": (str, type(None))}, {"rates": (dict,)})
    simulator.state.settlement = read_settlement(fields["currency"], fields.get("rates", {}))
    return fields
