"""What else goes on in the same Stripe account: payments, refunds and disputes that are none of the caller's."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from operator import add
from typing import Any

from infra.local.stripe_simulator import bank_debits, checkout, customers, disputes, payments, refunds
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.errors import Json, StripeError, invalid
from infra.local.stripe_simulator.events import SHOWN_SECONDS
from infra.local.stripe_simulator.state import State

MAX_EVENTS = 100_000

# What the webhook endpoint of a shop subscribes to.
_TOLD = (
    "charge.dispute.*", "charge.refunded", "checkout.session.*", "customer.deleted",
    "payment_intent.amount_capturable_updated", "payment_intent.canceled", "payment_intent.payment_failed",
    "payment_intent.processing", "payment_intent.succeeded", "payment_method.automatically_updated",
    "payment_method.detached", "refund.*",
)  # fmt: skip
_TIMES = frozenset({"available_on", "canceled_at", "capture_before", "created", "due_by", "expires_at"})
# What stands in a pattern for the end of an id, and is as long as what takes its place.
_SERIAL = "@@SERIAL@@"
_SHOP = "https://shop.example"
_ITEM: Json = {
    "price_data": {"currency": "usd", "unit_amount": 4000, "product_data": {"name": "A chair"}}, "quantity": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An object as text, in pieces between its times, which are seconds after the beginning of its life."""

    pieces: list[str]
    offsets: list[int]

    def copy(self, serial: str, begin: int) -> Json:
        times = [str(begin + offset) for offset in self.offsets]
        text = "".join(map(add, self.pieces, [*times, ""]))
        copy: Json = json.loads(text.replace(_SERIAL, serial))
        return copy


@dataclass(frozen=True, slots=True)
class _Life:
    """What one customer of the shop does, in an account of its own: the pattern of all the others."""

    account: State
    objects: list[_Pattern]
    told: list[_Pattern]


def do_other_business(state: State, count: int, seconds: int) -> None:
    """Let `count` events have happened, evenly over the last `seconds`, about objects that can be read.

    They are copies of what the simulator itself did and proved once: only ids and times are other ones. The webhook
    endpoints are not told; the events are only in the list.
    """
    if not 1 <= count <= MAX_EVENTS or not 1 <= seconds <= SHOWN_SECONDS:
        raise invalid(f"count is 1 to {MAX_EVENTS}, seconds 1 to {SHOWN_SECONDS}", "count")
    life = _live(state)
    begin = state.now() - seconds
    for first in range(0, count, len(life.told)):
        told = life.told[: count - first]
        _live_again(state, life, told, [begin + (first + step) * seconds // count for step in range(1, len(told) + 1)])
    state.sort_by_creation()


def _live(state: State) -> _Life:
    account = State(clock=state.clock, is_live=state.is_live, settlement=state.settlement)
    begin = account.now()
    _do_business(account)
    told = [event for event in account.take_outbox() if any(fnmatchcase(event["type"], name) for name in _TOLD)]
    objects = [thing for thing in account.objects.values() if thing["object"] != "event"]
    names = [*account.objects, *account.deleted]
    return _Life(account, *([_pattern(thing, names, begin) for thing in things] for things in (objects, told)))


def _pattern(thing: Json, names: list[str], begin: int) -> _Pattern:
    text = json.dumps(_mark_times(thing, begin))
    for name in names:
        text = text.replace(name, _renamed(name, _SERIAL))
    pieces = re.split(r'"@@(-?\d+)@@"', text)
    return _Pattern(pieces[::2], [int(offset) for offset in pieces[1::2]])


def _mark_times(node: Any, begin: int) -> Any:
    if isinstance(node, dict):
        return {
            key: f"@@{value - begin}@@" if key in _TIMES and isinstance(value, int) else _mark_times(value, begin)
            for key, value in node.items()
        }
    return [_mark_times(item, begin) for item in node] if isinstance(node, list) else node


def _renamed(name: str, serial: str) -> str:
    """The id with another end."""
    return name[: -len(serial)] + serial


def _live_again(state: State, life: _Life, told: list[_Pattern], times: list[int]) -> None:
    """Copy the life into the account, as of the first of the times, with those of its events that are told."""
    serial = state.new_id("copy")[-len(_SERIAL) :]
    for pattern in life.objects:
        state.put(pattern.copy(serial, times[0]))
    for name, saved in life.account.saved_cards.items():
        state.saved_cards[_renamed(name, serial)] = replace(saved)
    for name, items in life.account.line_items.items():
        state.line_items[_renamed(name, serial)] = items
        state.checkout_data[_renamed(name, serial)] = life.account.checkout_data[name]
    for name, deleted in life.account.deleted.items():
        renamed = _renamed(name, serial)
        state.deleted[renamed] = deleted | {"id": renamed}
    for pattern, at in zip(told, times, strict=True):
        state.put(pattern.copy(serial, times[0]) | {"created": at})


def _do_business(account: State) -> None:
    """Something of everything that happens at a shop: each kind of event that it is told of."""
    customer = customers.create_customer(account, _call({"email": "guest@shop.example"}))["id"]
    saved = {"customer": customer}
    card = customers.attach_method(account, _call(saved, "pm_card_visa"))["id"]
    account.emit(
        "payment_method.automatically_updated", account.find("payment_method", card), {"card": {"exp_year": 1}}
    )
    charged = saved | {"amount": 4000, "currency": "usd", "payment_method": card, "confirm": True, "off_session": True}
    _refund_and_dispute(account, payments.create_intent(account, _call(charged)))
    with suppress(StripeError):
        payments.create_intent(account, _call(charged | {"payment_method": "pm_card_chargeDeclined"}))
    hold = payments.create_intent(account, _call(charged | {"capture_method": "manual"}))
    payments.cancel_intent(account, _call({}, hold["id"]))
    _pay_on_pages(account, customer)
    customers.detach(account, card)
    customers.delete_customer(account, _call({}, customer))


def _refund_and_dispute(account: State, intent: Json) -> None:
    for _ in range(2):
        refund = refunds.create_refund(account, _call({"payment_intent": intent["id"], "amount": 500}))
    refunds.fail_refund(account, refund["id"])
    charge = account.find("charge", intent["latest_charge"])
    dispute = disputes.open_dispute(account, charge, inquiry=True)
    disputes.escalate(account, dispute["id"])
    disputes.close_dispute(account, dispute["id"], "won")


def _pay_on_pages(account: State, customer: str) -> None:
    params = {"mode": "payment", "customer": customer, "line_items": [_ITEM], "success_url": f"{_SHOP}/done"}
    by_card, by_bank, bounced, left = (checkout.create_session(account, _call(params)) for _ in range(4))
    checkout.complete(account, by_card["id"], "pm_card_visa")
    for page, succeed in ((by_bank, True), (bounced, False)):
        checkout.complete(account, page["id"], "us_bank_account")
        bank_debits.settle_debit(account, page["payment_intent"], succeed=succeed)
    checkout.expire(account, left)


def _call(params: Json, target: str = "") -> Call:
    return Call(params, target, "", _SHOP)
