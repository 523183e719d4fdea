"""Look what became of a transaction that is open: a page, or a charge without an answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.declines import Failure
from billing.domain.intention import ABANDONED_AFTER, UNCONFIRMED_FOR, is_wanted, last_asked
from billing.domain.payment_report import Applied
from billing.domain.transaction import CHECKOUT_CHECK, PROCESSING_CHECK, Transaction
from billing.payments.errors import StripeRefused
from billing.payments.gateway import Gateway
from billing.services.accounts import find_wallet
from billing.services.charge_card import charge_at_stripe, charge_card, give_up, open_page
from billing.services.stripe_events import bring_up_to_date, finish_page
from billing.store.store import Store


class TransactionCheck:
    """One run over open transactions. `return_url` is where the page of a payment that its bank wants confirmed leads
    back to.
    """

    def __init__(self, store: Store, gateway: Gateway, return_url: str) -> None:
        self._store = store
        self._gateway = gateway
        self._return_url = return_url
        self._unanswered: dict[str, Transaction] = {}

    def list_unanswered(self, now: datetime, age: timedelta) -> Sequence[Transaction]:
        """The charges of saved cards that were recorded so long ago, and that this run got no answer about.

        A bank debit is none: its bank takes days.
        """
        return [each for each in self._unanswered.values() if now - each.created_at >= age]

    def check(self, transaction_id: str, now: datetime) -> Applied | None:
        """Bring it on, and say when it is looked at again. Raises PaymentsUnavailable, StripeRefused, StoreBusy."""
        transaction = self._store.transactions.get(transaction_id)
        if transaction is None or transaction.check_at is None:
            return None
        try:
            if transaction.status == "Checkout":
                return self._check_page(transaction, now)
            return self._check_charge(transaction, now)
        except StripeRefused:
            # It will be refused the next time, too.
            self._store.transactions.move(transaction, replace(transaction, check_at=now + CHECKOUT_CHECK))
            raise

    def _check_page(self, transaction: Transaction, now: datetime) -> Applied | None:
        """An expired page stays Checkout, and nothing can follow on it; nor on one that was never made.

        But where the bank demanded the customer of a saved card, a page is still owed to him. If the customer was given
        another page meanwhile, that one is looked at in its own time.
        """
        is_owed = transaction.session_id is None and transaction.payment_intent_id is not None
        if is_owed and is_wanted(find_wallet(self._store, transaction.account_id), transaction, now):
            open_page(self._store, self._gateway, transaction, return_url=self._return_url, now=now)
            return None
        applied, status = None, "expired"
        if transaction.session_id is not None:
            applied = finish_page(self._store, self._gateway, transaction.session_id, now)
            status = self._gateway.session(transaction.session_id).status
        current = self._store.transactions.get(transaction.transaction_id)
        if current is None or current.status != "Checkout" or current.session_id != transaction.session_id:
            return applied
        if status == "expired":
            self._store.transactions.move(current, replace(current, check_at=None, url=None))
        else:
            self._store.transactions.move(current, replace(current, check_at=now + CHECKOUT_CHECK))
        return applied

    def _check_charge(self, transaction: Transaction, now: datetime) -> Applied | None:
        """Look what Stripe has of it. What it has never heard of is charged now if the system wanted it.

        What a customer wanted is given up: whoever waits an hour has done something else by then.
        """
        if transaction.session_id is None:
            self._unanswered[transaction.transaction_id] = transaction
        applied = None
        found = charge_at_stripe(self._store, self._gateway, transaction, now)
        if found is not None:
            if found.is_unconfirmed and now - found.created_at >= UNCONFIRMED_FOR:
                self._gateway.release(found.intent_id)
            applied = bring_up_to_date(self._store, self._gateway, found.intent_id, now)
        elif transaction.is_automatic:
            charge_card(self._store, self._gateway, transaction, return_url=self._return_url, now=now)
        elif now - last_asked(transaction) >= ABANDONED_AFTER:
            give_up(self._store, transaction, Failure("not_completed"), now)
        current = self._store.transactions.get(transaction.transaction_id)
        if current is None or current.status != "Processing":
            self._unanswered.pop(transaction.transaction_id, None)
        else:
            # A bank debit, asked for on a page, takes days.
            later = PROCESSING_CHECK if current.session_id is None else CHECKOUT_CHECK
            self._store.transactions.move(current, replace(current, check_at=now + later))
        return applied
