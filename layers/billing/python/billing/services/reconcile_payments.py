"""Finish what was begun, with Stripe as the witness: what a webhook should have told, and what is still open here.

Everything ends in the code that the webhook's events go through. One thing that cannot be finished does not hold up
the others.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from billing.domain.auto_refill import with_refill
from billing.domain.change import Change
from billing.domain.declines import failure
from billing.domain.intention import ABANDONED_AFTER, UNCONFIRMED_FOR, is_wanted, last_asked
from billing.domain.payment_report import Applied
from billing.domain.stripe_event import StripeEvent
from billing.domain.transaction import CHECKOUT_CHECK, PROCESSING_CHECK, Transaction
from billing.domain.wallet import expire_grants
from billing.payments.errors import PaymentsUnavailable, StripeRefused
from billing.payments.gateway import Gateway
from billing.services.accounts import find_wallet
from billing.services.add_card import verify_card
from billing.services.cards import finish_removal
from billing.services.change_wallet import change_wallet
from billing.services.charge_card import charge_at_stripe, charge_card, give_up, open_page
from billing.services.stripe_events import bring_up_to_date, finish_page, handle_event
from billing.store.store import Store

LOOK_BACK = timedelta(hours=2)
"""How far back events are read: a run may fail, and the next one still sees them."""
GRACE = timedelta(minutes=2)
"""What is younger is the webhook's, or still at work."""
MAX_EVENTS = 10_000
MAX_OPEN = 500
"""Of each kind, in one run; the rest waits for the next."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reconciled:
    """What a run did. `late_events` are those that no webhook had told; `stuck` could not be finished now."""

    late_events: int = 0
    transactions: int = 0
    cards: int = 0
    wallets_due: int = 0
    stuck: int = 0
    uncredited: list[Applied] = field(default_factory=list)


class Reconciliation:
    def __init__(self, store: Store, gateway: Gateway, return_url: str) -> None:
        self._store = store
        self._gateway = gateway
        self._return_url = return_url

    def run(self, now: datetime, *, clock: datetime | None = None) -> Reconciled:
        """One run as of `now`. What it does not reach or cannot finish, the next run does.

        `now` says what is due. `clock` is the time that it is, where that is another: all that is asked, given up,
        written off or posted is so by the clock. So a run as of a later moment burns no credit before its end.
        """
        clock = clock or now
        done = Reconciled()
        events = self._events_not_told(done, now)
        done.late_events = self._each(done, events, lambda event: self._handle(event, done, clock))
        due = self._store.transactions.to_check(now, MAX_OPEN)
        done.transactions = self._each(done, due, lambda each: self._check(each, done, clock))
        done.cards = self._each(done, self._store.cards.open(MAX_OPEN), lambda key: self._finish_card(*key, clock))
        waited = self._store.wallets.waited(now, MAX_OPEN)
        done.wallets_due = self._each(done, waited, lambda account_id: self._look_again(account_id, now, clock))
        return done

    def _each(self, done: Reconciled, things: Iterable[T], finish: Callable[[T], None]) -> int:
        count = 0
        for thing in things:
            count += 1
            try:
                finish(thing)
            except PaymentsUnavailable as trouble:
                log.warning("left for the next run", extra={"about": repr(thing), "reason": str(trouble)})
                done.stuck += 1
            except Exception:
                log.exception("cannot be finished", extra={"about": repr(thing)})
                done.stuck += 1
        return count

    def _events_not_told(self, done: Reconciled, now: datetime) -> list[StripeEvent]:
        try:
            happened = self._gateway.events(now - LOOK_BACK, now - GRACE)
            events = [StripeEvent(each.event_id, each.type, each.object_id) for each in islice(happened, MAX_EVENTS)]
        except PaymentsUnavailable as trouble:
            log.warning("Stripe's events are out of reach", extra={"reason": str(trouble)})
            done.stuck += 1
            return []
        return self._store.stripe_inbox.not_done(events)

    def _handle(self, event: StripeEvent, done: Reconciled, now: datetime) -> None:
        self._store.stripe_inbox.take(event, now)
        self._note(done, handle_event(self._store, self._gateway, event, now))
        self._store.stripe_inbox.done(event.event_id)

    def _check(self, transaction_id: str, done: Reconciled, now: datetime) -> None:
        transaction = self._store.transactions.get(transaction_id)
        if transaction is None or transaction.check_at is None:
            return
        try:
            if transaction.status == "Checkout":
                self._check_page(transaction, done, now)
            else:
                self._check_charge(transaction, done, now)
        except StripeRefused:
            # It will be refused the next time, too, and must not be the first of all for ever.
            self._store.transactions.move(transaction, replace(transaction, check_at=now + CHECKOUT_CHECK))
            raise

    def _check_page(self, transaction: Transaction, done: Reconciled, now: datetime) -> None:
        """An expired page stays Checkout, and nothing can follow on it; nor on one that was never made.

        But where the bank demanded the customer of a saved card, a page is still owed to him. If the customer was given
        another page meanwhile, that one is looked at in its own time.
        """
        is_owed = transaction.session_id is None and transaction.payment_intent_id is not None
        if is_owed and is_wanted(find_wallet(self._store, transaction.account_id), transaction, now):
            open_page(self._store, self._gateway, transaction, return_url=self._return_url, now=now)
            return
        status = "expired"
        if transaction.session_id is not None:
            self._note(done, finish_page(self._store, self._gateway, transaction.session_id, now))
            status = self._gateway.session(transaction.session_id).status
        current = self._store.transactions.get(transaction.transaction_id)
        if current is None or current.status != "Checkout" or current.session_id != transaction.session_id:
            return
        if status == "expired":
            self._store.transactions.move(current, replace(current, check_at=None, url=None))
        else:
            self._store.transactions.move(current, replace(current, check_at=now + CHECKOUT_CHECK))

    def _check_charge(self, transaction: Transaction, done: Reconciled, now: datetime) -> None:
        """Look what Stripe has of it. What it has never heard of is charged now if the system wanted it.

        What a customer wanted is given up: whoever waits an hour has done something else by then.
        """
        found = charge_at_stripe(self._store, self._gateway, transaction, now)
        if found is not None:
            if found.is_unconfirmed and now - found.created_at >= UNCONFIRMED_FOR:
                self._gateway.release(found.intent_id)
            self._note(done, bring_up_to_date(self._store, self._gateway, found.intent_id, now))
        elif transaction.is_automatic:
            charge_card(self._store, self._gateway, transaction, return_url=self._return_url, now=now)
        elif now - last_asked(transaction) >= ABANDONED_AFTER:
            give_up(self._store, transaction, failure("not_completed"), now)
        current = self._store.transactions.get(transaction.transaction_id)
        if current is not None and current.status == "Processing":
            # A bank debit, asked for on a page, takes days.
            later = PROCESSING_CHECK if current.session_id is None else CHECKOUT_CHECK
            self._store.transactions.move(current, replace(current, check_at=now + later))

    def _finish_card(self, account_id: str, fingerprint: str, now: datetime) -> None:
        card = self._store.cards.get(account_id, fingerprint)
        if card is None or now - card.added_at < GRACE:
            return
        if card.verification == "pending":
            verify_card(self._store, self._gateway, card, now)
        elif card.verification == "removing":
            finish_removal(self._store, self._gateway, card)

    def _look_again(self, account_id: str, now: datetime, clock: datetime) -> None:
        """The moment that auto-refill or the end of a grant waited for has come: the wallet decides.

        Credit that expires may pause the account, which then has no call that would bring this up.
        """
        change_wallet(
            self._store,
            account_id,
            lambda wallet: Change(with_refill(expire_grants(wallet, clock), clock, moment=now), None),
        )

    def _note(self, done: Reconciled, applied: Applied | None) -> None:
        if applied is not None and applied.needs_operator:
            done.uncredited.append(applied)
