"""The page on which a customer pays an open renewal: closed at Stripe before anything else may pay it."""

from dataclasses import replace
from datetime import datetime

from billing.domain.renewal_payment import look_again_at, page_is_over
from billing.domain.transaction import CHECKOUT_CHECK, Transaction
from billing.payments.gateway import Gateway
from billing.payments.reading import HostedPage
from billing.services.apply_payment import apply_payment
from billing.services.change_wallet import change_wallet, known_first
from billing.services.charge_card import find_charge
from billing.store.store import Store


def close_page(store: Store, gateway: Gateway, page: Transaction, now: datetime) -> Transaction:
    """Let nobody pay on the page any more, and return its transaction as it then is.

    Paid: somebody did before. Processing: a bank debit, which is answered in days; it is looked at again in an hour.
    Checkout: nothing came of it, and other payments may be made. Raises PaymentsUnavailable where that is not known.
    """
    if page.status == "Checkout" and page.session_id is not None:
        page = record_page(store, gateway, page, gateway.close_page(page.session_id), now)
    elif page.status == "Checkout":
        # Its address was never heard of, so nobody has it.
        page = _over(store, page)
    if page.status == "Processing":
        moment = now + CHECKOUT_CHECK
        change_wallet(store, page.account_id, lambda wallet: look_again_at(wallet, page, moment))
    return page


def record_page(store: Store, gateway: Gateway, page: Transaction, seen: HostedPage, now: datetime) -> Transaction:
    """Take over what Stripe says of the page: what was paid there, or that it is over."""
    if seen.status == "complete" and seen.payment_intent_id is not None:
        report = replace(gateway.intent(seen.payment_intent_id).report, page_is_complete=True)
        return apply_payment(store, report, now, known=page).transaction or page
    return page if seen.status == "open" else _over(store, page)


def _over(store: Store, page: Transaction) -> Transaction:
    current = known_first(page, lambda: store.transactions.get(page.transaction_id))
    change_wallet(store, page.account_id, lambda wallet: page_is_over(wallet, current()))
    return find_charge(store, page.transaction_id)
