"""Give a payment back, whole or in parts; and take over refunds, from wherever they were made."""

import logging
from collections.abc import Mapping
from datetime import datetime

from billing.domain.errors import Conflict, IdempotencyKeyReused, InvalidValue
from billing.domain.money import Money, card_minor_units
from billing.domain.payment import record_refund
from billing.domain.transaction import MAX_REFUNDS, Refund, Transaction, chargeable
from billing.payments.errors import StripeRefused
from billing.payments.gateway import Gateway
from billing.services.change_wallet import change_wallet, known_first
from billing.services.transactions import find_transaction
from billing.store.store import Store

# By Stripe's code, in our words: its own name what is none of the caller's business.
_REFUSALS: Mapping[str | None, str] = {
    "charge_disputed": "the payment is disputed, and the bank decides who has the money",
    "charge_already_refunded": "nothing is left to refund: the payment was refunded at Stripe, too",
}
_REFUSED = "Stripe does not refund this payment; the reason was logged"

log = logging.getLogger(__name__)


def refund_payment(
    store: Store,
    gateway: Gateway,
    account_id: str,
    transaction_id: str,
    *,
    micros: int | None,
    refund_key: str,
    now: datetime,
) -> Transaction:
    """Give `micros` of a paid transaction back to its card, or all that is left; once for the refund key.

    Raises TransactionNotFound, InvalidValue for more than is left, Conflict (`not_refundable`), IdempotencyKeyReused
    for the key of a refund of another amount, PaymentsUnavailable.
    """
    transaction = find_transaction(store, account_id, transaction_id)
    if transaction.is_paid_from_credit:
        raise Conflict("no card was charged: an adjustment gives the credit back", code="not_refundable")
    if not transaction.is_payment:
        raise Conflict("no card was charged: another adjustment takes this one back", code="not_refundable")
    if transaction.status != "Paid" or transaction.payment_intent_id is None:
        raise Conflict(f"the transaction is {transaction.status}, not Paid", code="not_refundable")
    asked = "all" if micros is None else str(micros)
    made = next((each for each in gateway.refunds(transaction.payment_intent_id) if each.key == refund_key), None)
    if made is None:
        amount = _amount(transaction, micros)
        try:
            made = gateway.refund(
                transaction.payment_intent_id,
                card_minor_units(Money(amount, transaction.currency)),
                refund_key,
                asked,
            )
        except StripeRefused as refusal:
            facts = {"transaction_id": transaction_id, "reason": refusal.detail, "stripe_code": refusal.code}
            log.warning("a refund is refused", extra=facts)
            raise Conflict(_REFUSALS.get(refusal.code, _REFUSED), code="not_refundable") from refusal
    elif made.asked != asked:
        raise IdempotencyKeyReused
    return apply_refund(store, transaction, made.refund, now)


def _amount(transaction: Transaction, micros: int | None) -> int:
    left = transaction.amount_micros - transaction.refunded_micros
    amount = left if micros is None else micros
    if left <= 0 or len(transaction.refunds) >= MAX_REFUNDS:
        raise Conflict("nothing is left to refund", code="not_refundable")
    if amount <= 0 or amount > left:
        raise InvalidValue("must be more than zero and at most what is left of the payment", field="amount")
    if amount != chargeable(amount, transaction.currency):
        raise InvalidValue("must be a whole number of the currency's smallest unit", field="amount")
    return amount


def apply_refund(store: Store, transaction: Transaction, refund: Refund, now: datetime) -> Transaction:
    """Take a refund's credit back, once; one that the bank did not take is given back again, once."""
    current = known_first(transaction, lambda: store.transactions.get(transaction.transaction_id))
    return change_wallet(
        store, transaction.account_id, lambda wallet: record_refund(wallet, current(), refund, now)
    ).answer
