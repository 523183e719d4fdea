"""Paying an open renewal by hand: what the customer may do about a month that no card has paid.

    card      the default card is asked now, also one that a dispute holds; not one that is dead
    page      a hosted page, for half an hour: any card, and the bank may ask its customer there
    credit    the whole price is taken from paid credit; nothing is rounded up, since no card is charged

Of these and the tries of the sweep one is under way at a time. While a page is open no card is asked. Whoever wants to
pay otherwise closes it at Stripe first: if it was paid meanwhile, that pays. A page that is over counts for nothing in
dunning; a card that is asked and declines is a try like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.change import Added, Change, Moved
from billing.domain.decimals import format_millionths
from billing.domain.declines import Failure
from billing.domain.errors import CardDeclined, CardRequired, Conflict, IdempotencyKeyReused
from billing.domain.ledger import PAID_CREDIT, SUBSCRIPTION_REVENUE, make_postings
from billing.domain.plan import Plan, PlanKey
from billing.domain.renewal import OpenRenewal, ask_card, open_renewal, renewal_cause, try_at_once, why_dead
from billing.domain.subscription import OwnPayment, PaymentWay
from billing.domain.subscription_life import advance
from billing.domain.transaction import CHECKOUT_CHECK, RENEWAL_PAGE_LIFE, Transaction, transaction_id
from billing.domain.wallet import Posted, Wallet, post


class NothingToPay(Conflict):
    def __init__(self) -> None:
        super().__init__("no renewal waits to be paid", code="nothing_to_pay")


class NotEnoughCredit(Conflict):
    def __init__(self, price: int, paid: int, currency: str) -> None:
        super().__init__(
            f"the renewal costs {format_millionths(price)} {currency}, and the paid credit is "
            f"{format_millionths(paid)} {currency}",
            code="not_enough_credit",
        )


class PaymentUnderWay(Conflict):
    """Another payment of the renewal is not answered yet: a second one might pay it twice."""

    def __init__(self) -> None:
        super().__init__("a payment of the renewal is under way; ask again in a minute", code="payment_pending")


class CardIsDead(CardDeclined):
    """Its bank called the default card dead: it is not asked again."""

    def __init__(self, why: Failure) -> None:
        super().__init__(f"the default card is not asked again: {why.code}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Wish:
    """What the customer asks for. `request` is the digest of their idempotency key, None without one."""

    way: PaymentWay
    request: str | None = None

    @property
    def fingerprint(self) -> str | None:
        return None if self.request is None else f"{self.request}:{self.way}"

    def is_of(self, transaction: Transaction) -> bool:
        """Whether this request made it. Raises IdempotencyKeyReused where the same key did, with another body."""
        made_by, _, way = (transaction.fingerprint or "").partition(":")
        if self.request is None or made_by != self.request:
            return False
        if way != self.way:
            raise IdempotencyKeyReused
        return True


def present_renewal(wallet: Wallet, plans: Mapping[PlanKey, Plan], now: datetime) -> OpenRenewal:
    """The renewal that can be paid now. `plans` holds the versions that the wallet names. Raises NothingToPay."""
    found = open_renewal(advance(wallet, plans, now), plans, now)
    if found is None:
        raise NothingToPay
    return found


def pay_by_card(found: OpenRenewal, wish: Wish, now: datetime) -> Change[Transaction]:
    """Record a try by the default card, before it is asked. Raises CardRequired, CardIsDead."""
    if found.wallet.default_card is None:
        raise CardRequired("the account has no default card: add one, or pay on a page or from credit")
    dead = why_dead(found.wallet)
    if dead is not None:
        raise CardIsDead(Failure(dead))
    tried = ask_card(replace(found, wallet=try_at_once(found.wallet, now)), now)
    charge = replace(tried.transaction, fingerprint=wish.fingerprint)
    return Change(Posted(_with(tried.wallet, OwnPayment(charge.transaction_id, "card"))), charge, (Added(charge),))


def open_page(found: OpenRenewal, wish: Wish, now: datetime) -> Change[Transaction]:
    """Record a page on which any card can pay: until it is over, no other payment is made."""
    wallet = found.wallet
    page = Transaction(
        # The version moves with each write: the same wallet has one page only, whoever asks how often.
        transaction_id=transaction_id(wallet.account_id, "renewal_page", wallet.version),
        account_id=wallet.account_id,
        kind="renewal",
        status="Checkout",
        amount_micros=found.charge.card_micros,
        currency=wallet.currency,
        created_at=now,
        check_at=now + CHECKOUT_CHECK,
        lines=found.charge.lines,
        fingerprint=wish.fingerprint,
    )
    own = OwnPayment(page.transaction_id, "page", now + RENEWAL_PAGE_LIFE)
    return Change(Posted(_with(wallet, own)), page, (Added(page),))


def pay_from_credit(found: OpenRenewal, wish: Wish, now: datetime) -> Change[Transaction]:
    """Take the whole price from paid credit. It starts no refill. Raises NotEnoughCredit."""
    wallet, price = found.wallet, found.charge.price_micros
    if wallet.paid_micros < price:
        raise NotEnoughCredit(price, wallet.paid_micros, wallet.currency)
    row = Transaction(
        transaction_id=transaction_id(wallet.account_id, "renewal_credit", wallet.version),
        account_id=wallet.account_id,
        kind="renewal",
        status="Paid",
        amount_micros=price,
        currency=wallet.currency,
        created_at=now,
        check_at=None,
        paid_at=now,
        lines=tuple(line for line in found.charge.lines if line.period_start is not None),
        fingerprint=wish.fingerprint,
    )
    period = replace(found.subscription.period, payment="paid", asked_at=None)
    paid = replace(
        found.subscription,
        period=period,
        dunning=None,
        own_payment=OwnPayment(row.transaction_id, "credit"),
        dead_card=None,
    )
    posted = post(
        wallet,
        replace(wallet, subscription=paid, paid_micros=wallet.paid_micros - price),
        cause=renewal_cause(wallet.account_id, period),
        kind="renewal",
        now=now,
        code="renewal",
        postings=make_postings((PAID_CREDIT, -price), (SUBSCRIPTION_REVENUE, price)),
    )
    return Change(posted, row, (Added(row),))


def page_is_over(wallet: Wallet, page: Transaction) -> Change[None]:
    """Nobody can pay there any more, and nobody did: other payments may be made. The row stays at Checkout."""
    if page.status != "Checkout":
        return Change(Posted(wallet), None)
    rows = (Moved(page, replace(page, check_at=None, url=None)),) if page.check_at is not None else ()
    return Change(Posted(_waiting_until(wallet, page, None)), None, rows)


def look_again_at(wallet: Wallet, page: Transaction, moment: datetime) -> Change[None]:
    """Wait for the page's payment: a bank debit takes days, and no card is asked meanwhile."""
    return Change(Posted(_waiting_until(wallet, page, moment)), None)


def _waiting_until(wallet: Wallet, page: Transaction, moment: datetime | None) -> Wallet:
    subscription = wallet.subscription
    own = None if subscription is None else subscription.own_payment
    if subscription is None or own is None or own.transaction_id != page.transaction_id or own.open_until is None:
        return wallet
    return replace(wallet, subscription=replace(subscription, own_payment=replace(own, open_until=moment)))


def _with(wallet: Wallet, own: OwnPayment) -> Wallet:
    return replace(wallet, subscription=replace(wallet.require_subscription(), own_payment=own))
