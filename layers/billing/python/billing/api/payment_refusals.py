"""How an answer says that what was asked for is not paid, or not yet."""

from billing.domain.transaction import Transaction
from billing.web.http import RequestRefused
from billing.words.decline_texts import why_not_paid


def refuse_unpaid(transaction: Transaction, *, by_saved_card: bool) -> None:
    """Raises RequestRefused where a card declined, where its bank wants the customer, and where there is no page."""
    if transaction.status == "Failed" and transaction.failure is not None:
        why = transaction.failure
        if why.needs_customer and transaction.kind == "renewal":
            raise RequestRefused(
                "authentication_required",
                'the bank wants the customer to confirm this payment: ask for it once more {"with": "page"}, and send '
                "them to its url",
                transaction_id=transaction.transaction_id,
            )
        raise RequestRefused(
            "card_declined",
            why_not_paid(why),
            transaction_id=transaction.transaction_id,
            failure={"code": why.code, "message": why_not_paid(why)},
        )
    if transaction.status == "Checkout" and transaction.url is None:
        raise RequestRefused(
            "payments_unavailable",
            "the payment page could not be opened: send the request again, with the same Idempotency-Key if it had one",
            transaction_id=transaction.transaction_id,
        )
    if transaction.status == "Checkout" and by_saved_card:
        raise RequestRefused(
            "authentication_required",
            "the bank wants the customer to confirm this payment: send them to the url",
            transaction_id=transaction.transaction_id,
            url=transaction.url,
        )
