"""Documents: a receipt for money that arrived, a credit note for money that was given back. Issued once, for ever.

What a document says is frozen when it is issued: the seller, the customer, the lines, the tax. It has a number of its
seller's series of that kind and year (UTC): TT-2026-000123, TT-CN-2026-000007. Numbers have no gap, because a number
exists only with its document: the store writes both in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from billing.domain.account import Account
from billing.domain.billing_details import BillingDetails
from billing.domain.money import Money
from billing.domain.seller import Seller
from billing.domain.stored import ByPosition
from billing.domain.tax import TaxLine, included_tax, rate_for, reverse_charge_note, tax_given_back
from billing.domain.transaction import CardFace, Refund, Transaction, TransactionKind, TransactionLine

DocumentKind = Literal["receipt", "credit_note"]

PROMPT = timedelta(minutes=10)
"""A document that is issued within this carries the mail of its payment. After it, the mail goes without a number."""

_NUMBER_DIGITS = 6
_MARKS = {"receipt": "", "credit_note": "CN-"}


@dataclass(frozen=True, slots=True)
class Party(ByPosition):
    """A seller or a customer, as printed. `country` is an ISO 3166-1 code of two letters.

    Stored by position: a new field goes last, with a default.
    """

    name: str
    lines: tuple[str, ...] = ()
    country: str | None = None
    tax_id: str | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """The documents of one kind that a seller issues in a year. They are numbered from 1 on."""

    seller_id: str
    kind: DocumentKind
    year: int


@dataclass(frozen=True, slots=True)
class Counter:
    """How many documents of a series there are: the last number. `last_at` is when that one was issued."""

    series: Series
    issued: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a document says, before it has a number. The lines add up to `amount_micros`, which is above zero.

    `moved_at` is when the money was paid, or given back. `refund_id` and `receipt_number` are a credit note's. `title`
    is the seller's own heading.
    """

    kind: DocumentKind
    transaction_id: str
    account_id: str
    seller_id: str
    prefix: str
    transaction_kind: TransactionKind
    amount_micros: int
    currency: str
    moved_at: datetime
    seller: Party
    customer: Party
    languages: tuple[str, ...]
    lines: tuple[TransactionLine, ...]
    taxes: tuple[TaxLine, ...] = ()
    notes: tuple[str, ...] = ()
    title: str | None = None
    card: CardFace | None = None
    refund_id: str | None = None
    receipt_number: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A content with its number, for ever."""

    content: Content
    year: int
    number: int
    issued_at: datetime

    @property
    def series(self) -> Series:
        return Series(self.content.seller_id, self.content.kind, self.year)

    @property
    def full_number(self) -> str:
        """As printed: "TT-2026-000123", "TT-CN-2026-000007"."""
        mark = _MARKS[self.content.kind]
        return f"{self.content.prefix}-{mark}{self.year}-{self.number:0{_NUMBER_DIGITS}d}"


def write_receipt(transaction: Transaction, account: Account, seller: Seller) -> Content:
    """What the receipt of a transaction says that is money received (see `Transaction.is_money_received`)."""
    details = account.details or BillingDetails()
    taxes, notes = _taxes(transaction, details, seller)
    return Content(
        kind="receipt",
        transaction_id=transaction.transaction_id,
        account_id=transaction.account_id,
        seller_id=seller.seller_id,
        prefix=seller.receipt_prefix,
        transaction_kind=transaction.kind,
        amount_micros=transaction.amount_micros,
        currency=transaction.currency,
        moved_at=transaction.paid_at or transaction.created_at,
        seller=seller_of(seller),
        customer=customer_of(account),
        languages=languages_of(account, seller),
        lines=_lines(transaction),
        taxes=taxes,
        notes=(*notes, *seller.notes),
        title=seller.title,
        card=transaction.card,
    )


def write_credit_notes(
    transaction: Transaction, receipt: Document, notes: Sequence[Document], account: Account, seller: Seller
) -> list[Content]:
    """What the credit notes say that a receipt's refunds lack, the first refund first. `notes` are those there are.

    A refund that the bank returned gives nothing back, and gets none.
    """
    valid = {each.refund_id: each for each in transaction.refunds if not each.returned}
    written = [each.content for each in notes]
    lacking: list[Content] = []
    for refund in valid.values():
        if all(each.refund_id != refund.refund_id for each in written):
            before = [each for each in written if each.refund_id in valid]
            lacking.append(_write_credit_note(refund, receipt, before, account, seller))
            written.append(lacking[-1])
    return lacking


def number_documents(contents: Sequence[Content], counter: Counter, now: datetime) -> tuple[list[Document], Counter]:
    """Give contents of a series the next numbers. Dates of issue never go back, whatever the clocks of issuers say."""
    issued_at = now if counter.last_at is None else max(now, counter.last_at)
    documents = [
        Document(content, counter.series.year, counter.issued + position, issued_at)
        for position, content in enumerate(contents, start=1)
    ]
    return documents, replace(counter, issued=counter.issued + len(documents), last_at=issued_at)


def is_prompt(moved_at: datetime, issued_at: datetime) -> bool:
    """Whether the document tells of the money by mail: else the customer has heard of it already, or long ago."""
    return issued_at - moved_at < PROMPT


def year_of(now: datetime) -> int:
    return now.astimezone(UTC).year


def languages_of(account: Account, seller: Seller | None) -> tuple[str, ...]:
    return (seller.languages if seller is not None else ()) or (account.language,)


def seller_of(seller: Seller) -> Party:
    return Party(seller.name, seller.legal_lines, seller.country, seller.tax_id)


def customer_of(account: Account) -> Party:
    details = account.details or BillingDetails()
    return Party(details.legal_name or account.name, details.address_lines, details.country, details.tax_id)


def _write_credit_note(
    refund: Refund, receipt: Document, before: Sequence[Content], account: Account, seller: Seller
) -> Content:
    paid = receipt.content
    amount = Money(refund.amount_micros, paid.currency)
    given_back = Money(amount.micros + sum(each.amount_micros for each in before), paid.currency)
    taxes = tuple(
        tax_given_back(line, given_back, amount, [each.taxes[position] for each in before])
        for position, line in enumerate(paid.taxes)
    )
    number = receipt.full_number
    return replace(
        paid,
        kind="credit_note",
        amount_micros=amount.micros,
        moved_at=refund.created_at,
        seller=seller_of(seller),
        customer=customer_of(account),
        languages=languages_of(account, seller),
        lines=(TransactionLine("", "1", amount.micros, code="refund", name=number),),
        taxes=taxes,
        title=None,
        refund_id=refund.refund_id,
        receipt_number=number,
    )


def _lines(transaction: Transaction) -> tuple[TransactionLine, ...]:
    """The transaction's lines, and what they leave of the amount: credit. Of a top-up that is all."""
    left = transaction.amount_micros - sum(line.amount_micros for line in transaction.lines)
    credit = (TransactionLine("", "1", left, code="credit"),) if left else ()
    return (*transaction.lines, *credit)


def _taxes(
    transaction: Transaction, details: BillingDetails, seller: Seller
) -> tuple[tuple[TaxLine, ...], tuple[str, ...]]:
    """The tax lines, and the note that stands in their place."""
    rate = rate_for(seller.tax_rates, details)
    if rate is None:
        return (), ()
    note = reverse_charge_note(rate, details)
    if note is not None:
        return (), (note,)
    gross = Money(transaction.amount_micros, transaction.currency)
    return (included_tax(rate.name, rate.percent_millionths, gross),), ()
