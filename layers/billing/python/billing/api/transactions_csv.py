"""The billing history as CSV."""

from collections.abc import Iterable, Iterator

from billing.domain.decimals import format_millionths
from billing.domain.instants import format_instant
from billing.domain.transaction import Transaction
from billing.services.documents import Documents
from billing.words.history_texts import say_line

TRANSACTION_COLUMNS = (
    "transaction_id",
    "created_at",
    "paid_at",
    "kind",
    "status",
    "description",
    "card_brand",
    "card_last4",
    "amount",
    "refunded",
    "currency",
    "failure_code",
    "dispute",
    "receipt_number",
    "credit_note_numbers",
)


def transaction_rows(history: Iterable[Transaction], documents: Documents) -> Iterator[tuple[str, ...]]:
    """A row for each transaction. What has several descriptions or credit notes has them with "; " between them."""
    for each in history:
        receipt = documents.get((each.transaction_id, None))
        notes = [documents.get((each.transaction_id, refund.refund_id)) for refund in each.refunds]
        yield (
            each.transaction_id,
            format_instant(each.created_at),
            "" if each.paid_at is None else format_instant(each.paid_at),
            each.kind,
            each.status,
            "; ".join(say_line(line) for line in each.lines),
            "" if each.card is None else each.card.brand,
            "" if each.card is None else each.card.last4,
            format_millionths(each.amount_micros, fixed=True),
            format_millionths(each.refunded_micros, fixed=True),
            each.currency,
            "" if each.failure is None else each.failure.code,
            each.dispute_status or "",
            "" if receipt is None else receipt.full_number,
            "; ".join(note.full_number for note in notes if note is not None),
        )
