"""The status of the account, on every page: what is wrong, and what to do. The first that applies, and one at most.

locked by an administrator, or for an unpaid renewal      nothing works until somebody acts
a renewal that is not paid                                the lock comes
paused, or without credit                                 calls are refused
the subscription has ended, or ends                       calls will be refused
auto-refill that stands still                             credit will run out
a payment under way                                       nobody needs to do anything
the default card expires                                  later payments will fail
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from billing.console.rendering import Speaker, amounts, card_name
from billing.domain.card_expiry import expires_at
from billing.domain.charge_limits import largest_charge_micros, least_charge_micros
from billing.domain.declines import Failure
from billing.domain.refill_advice import advise
from billing.domain.transaction import CardFace, chargeable
from billing.services.visits import Customer
from billing.words.decline_texts import why_not_paid
from billing.words.refill_texts import say_advice

Tone = Literal["bad", "warn", "info", "none"]
_EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Action:
    """A way on: the code of its words, and the page."""

    code: str
    to: str


ADD_CREDIT = Action("add_credit", "/console/add-credit")
CARDS = Action("payment_methods", "/console/payment-methods")
PAY_NOW = Action("pay_now", "/console/plan/pay")
CHOOSE_PLAN = Action("choose_a_plan", "/console/plan")
KEEP_PLAN = Action("keep_plan", "/console/plan")
ADD_CARD = Action("add_a_card", "/console/payment-methods")
REFRESH = Action("refresh", "")


@dataclass(frozen=True, slots=True)
class Banner:
    """`heading` and `sentence` are codes of the console's sentences."""

    tone: Tone
    heading: str
    sentence: str
    facts: Mapping[str, object] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()


def banner_of(customer: Customer, speaker: Speaker, now: datetime) -> Banner | None:
    return (
        _lock(customer, speaker)
        or _unpaid(customer, speaker)
        or _no_calls(customer, now)
        or _ending(customer, speaker)
        or _refill(customer, speaker)
        or _under_way(customer)
        or _expiry(customer, speaker, now)
    )


def resumes_micros(customer: Customer) -> int:
    """The least top-up that lets calls start again: it makes the balance positive, and is what can be bought at all."""
    wallet, plan = customer.wallet, customer.plan
    enough = chargeable(max(0, -wallet.balance_micros) + 1, wallet.currency)
    minimum = 0 if plan is None else min(plan.minimum_top_up_micros, largest_charge_micros(wallet.currency))
    return max(enough, least_charge_micros(wallet.currency), chargeable(minimum, wallet.currency))


def can_call(customer: Customer, now: datetime) -> bool:
    """Whether the balance, or what is included, lets a call start. Locks and pauses are told apart from it."""
    wallet, plan = customer.wallet, customer.plan
    if wallet.balance_micros > 0:
        return True
    subscription = wallet.running
    if plan is None or subscription is None or not subscription.entitles(subscription.period, now):
        return False
    period = subscription.period
    return any(
        each.left_metered_millionths(period.used_of(each.key), period.bought_of(each.key)) > 0
        for each in plan.call_time
    )


def _lock(customer: Customer, speaker: Speaker) -> Banner | None:
    wallet = customer.wallet
    if wallet.status != "locked":
        return None
    if wallet.locked_by == "administrator":
        return Banner("bad", "locked", "locked_why", {"reason": wallet.lock_reason or ""})
    return _of_renewal(customer, speaker, "bad", "locked_unpaid")


def _unpaid(customer: Customer, speaker: Speaker) -> Banner | None:
    running = customer.wallet.running
    if running is None or running.dunning is None:
        return None
    return _of_renewal(customer, speaker, "warn", "past_due")


def _of_renewal(customer: Customer, speaker: Speaker, tone: Tone, heading: str) -> Banner:
    """What was asked of which card, and why it was not paid; where a try comes, when."""
    dunning = customer.wallet.require_subscription().dunning
    if dunning is None:
        return Banner(tone, heading, "locked_why", {"reason": ""})
    last, money = dunning.last, amounts(customer.wallet.currency)["money"]
    facts: dict[str, object] = {
        "amount": money(last.amount_micros),
        "why": why_not_paid(Failure(last.code or "card_declined"), speaker.language),
    }
    sentence = "not_charged"
    if last.brand is not None and last.last4 is not None:
        sentence, facts["card"] = "not_charged_to", card_name(CardFace(last.brand, last.last4))
    if dunning.next_attempt_at is not None and not dunning.locked:
        sentence, facts["date"] = f"{sentence}_again", speaker.day(dunning.next_attempt_at)
    return Banner(tone, heading, sentence, facts, (PAY_NOW, ADD_CARD))


def _no_calls(customer: Customer, now: datetime) -> Banner | None:
    wallet = customer.wallet
    shown = amounts(wallet.currency)
    if wallet.status == "paused":
        facts = {"balance": shown["balance"](wallet.balance_micros), "least": shown["money"](resumes_micros(customer))}
        return Banner("bad", "paused", "paused_why", facts, (ADD_CREDIT,))
    if wallet.status == "active" and wallet.running is not None and not can_call(customer, now):
        return Banner("bad", "no_credit", "no_credit_why", {}, (ADD_CREDIT,))
    return None


def _ending(customer: Customer, speaker: Speaker) -> Banner | None:
    wallet = customer.wallet
    if wallet.status == "canceled":
        facts = {"balance": amounts(wallet.currency)["balance"](wallet.balance_micros)}
        if wallet.balance_micros < 0:
            return Banner("none", "canceled", "canceled_debt", facts, (ADD_CREDIT, CHOOSE_PLAN))
        return Banner("none", "canceled", "canceled_why", facts, (CHOOSE_PLAN,))
    if wallet.is_ending:
        date = speaker.day(wallet.require_subscription().period.end)
        return Banner("info", "ending", "ending_why", {"date": date}, (KEEP_PLAN,))
    return None


def _refill(customer: Customer, speaker: Speaker) -> Banner | None:
    wallet = customer.wallet
    refill, advised = wallet.refill, advise(wallet)
    if refill is None or not refill.enabled or wallet.is_ending:
        return None
    if advised is not None:
        heading = "refill_limit_reached" if advised.code == "monthly_limit" else "refill_suspended"
        return Banner("warn", heading, "said", {"reason": say_advice(advised, speaker.language)}, (ADD_CREDIT, CARDS))
    if refill.failures and refill.last_failure is not None and refill.next_attempt_at is not None:
        facts = {
            "why": why_not_paid(Failure(refill.last_failure), speaker.language),
            "time": speaker.time(refill.next_attempt_at),
        }
        return Banner("warn", "refill_declined", "refill_again", facts, (ADD_CREDIT, CARDS))
    return None


def _under_way(customer: Customer) -> Banner | None:
    wallet = customer.wallet
    waits = wallet.pending_change is not None or (wallet.refill is not None and wallet.refill.pending is not None)
    is_due = wallet.running is not None and wallet.running.period.payment == "due"
    return Banner("info", "processing", "processing_why", {}, (REFRESH,)) if waits or is_due else None


def _expiry(customer: Customer, speaker: Speaker, now: datetime) -> Banner | None:
    card = customer.default_card
    if card is None:
        return None
    left = expires_at(card) - now
    if left > _EXPIRES_SOON:
        return None
    facts = {"card": card_name(card), "month": speaker.month(card.exp_year, card.exp_month)}
    return Banner(
        "warn", "card_expired" if left <= timedelta() else "card_expires", "card_expires_why", facts, (ADD_CARD,)
    )
