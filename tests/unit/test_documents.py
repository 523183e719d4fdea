"""Receipts and credit notes as values: what they say, what their lines add up to, and how they read."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.domain.billing_details import BillingDetails
from billing.domain.document import (
    Content,
    Counter,
    Document,
    Series,
    number_documents,
    write_credit_notes,
    write_receipt,
)
from billing.domain.ledger import LedgerEntry
from billing.domain.money import CURRENCIES
from billing.domain.seller import TaxRate
from billing.domain.transaction import Transaction, TransactionLine, chargeable, record_adjustment
from billing.words.write_document import write_document
from tests.builders import CUSTOMER, NOW, PERIOD_END, PERIOD_START, WIRE, micros
from tests.documented import VAT, VISA, customer, payment, refund, seller

UK = BillingDetails("Acme Limited", ("12 Market Street", "Leeds"), "GB", "GB999", ("books@acme.example",))


def issued(content: Content, number: int = 1) -> Document:
    return Document(content, 2026, number, NOW)


def line(amount: str, *, code: str = "plan", quantity: str = "1", name: str = "Starter") -> TransactionLine:
    return TransactionLine("", quantity, micros(amount), PERIOD_START, PERIOD_END, code=code, name=name)  # type: ignore[arg-type]


def cells(document: Document) -> list[list[str]]:
    return [[cell["text"] for cell in row] for row in write_document(document)["tables"][0]["rows"]]


@pytest.mark.parametrize(("amount", "currency"), [("50.00", "USD"), ("100", "JPY"), ("12.340", "OMR"), ("0.50", "EUR")])
def test_a_top_up_is_one_line_of_credit(amount: str, currency: str) -> None:
    paid = payment(amount=amount, currency=currency)
    content = write_receipt(paid, customer(currency=currency), seller())
    (credit,) = content.lines
    assert (credit.code, credit.amount_micros) == ("credit", paid.amount_micros)
    assert cells(issued(content)) == [["Credit for calls", "1", f"{currency} {amount}", f"{currency} {amount}"]]


@pytest.mark.parametrize(
    ("currency", "lines", "paid"),
    [
        ("USD", ("49.00", "4.00"), "53.00"),
        ("USD", ("12.345678",), "12.35"),
        ("JPY", ("1000", "33.333333"), "1034"),
        ("OMR", ("3.001", "-1.000"), "2.010"),
        ("USD", ("49.00",), "60.00"),
    ],
)
def test_the_lines_add_up_to_what_was_paid_in_every_currency(currency: str, lines: tuple[str, ...], paid: str) -> None:
    renewal = payment(amount=paid, currency=currency, lines=tuple(map(line, lines)))
    content = write_receipt(renewal, customer(currency=currency), seller())
    assert sum(each.amount_micros for each in content.lines) == micros(paid) == content.amount_micros


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_what_is_printed_adds_up_to_what_the_card_paid_in_each_currency(currency: str) -> None:
    """A price to the micro-unit, rounded up to what a card can be charged with: the rest is the customer's credit."""
    price = 12_345_678
    paid = chargeable(price, currency)
    lines = (replace(line("0"), amount_micros=price), TransactionLine("", "1", paid - price, code="rounding"))
    renewal = replace(payment(currency=currency, lines=lines), amount_micros=paid)
    document = issued(write_receipt(renewal, customer(currency=currency), seller(rates=(TaxRate("VAT", 20_000_000),))))

    def printed(text: str) -> Decimal:
        return Decimal(text.removeprefix(f"{currency} ").replace(",", ""))

    net, tax, total = (printed(each["amount"]) for each in write_document(document)["totals"])
    assert sum(printed(row[-1]) for row in cells(document)) == net + tax == total == Decimal(paid) / 1_000_000


def test_a_receipt_freezes_seller_customer_card_and_both_dates() -> None:
    paid = payment(paid_at=NOW - timedelta(days=3))
    page = write_document(issued(write_receipt(paid, customer(details=UK), seller()), 123))
    assert page["parties"] == [
        {
            "label": "From",
            "lines": ["Talktime Ltd", "1 Example Street", "London EC1A 1AA", "United Kingdom", "Tax ID: GB123456789"],
        },
        {
            "label": "Bill to",
            "lines": ["Acme Limited", "12 Market Street", "Leeds", "United Kingdom", "Tax ID: GB999"],
        },
    ]
    assert page["facts"] == [
        ["Receipt number", "TT-2026-000123"],
        ["Date of issue", "23 Nov 2026"],
        ["Date of payment", "20 Nov 2026"],
        ["Card", "\u2068Visa •••• 4242\u2069"],
        ["Transaction", paid.transaction_id],
    ]
    assert (page["title"], page["subtitle"], page["document_title"]) == (
        "Receipt",
        "TT-2026-000123",
        "Receipt TT-2026-000123",
    )


def test_without_billing_details_a_receipt_has_the_accounts_name() -> None:
    content = write_receipt(payment(), customer(), seller())
    assert (content.customer.name, content.customer.lines, content.customer.country) == (CUSTOMER, (), None)


def test_tax_is_a_line_beside_the_net_and_changes_no_amount() -> None:
    content = write_receipt(payment(amount="53.00"), customer(details=UK), seller(rates=(VAT,)))
    assert [(each["label"], each["amount"]) for each in write_document(issued(content))["totals"]] == [
        ("Net", "USD 44.17"),
        ("VAT (20 %)", "USD 8.83"),
        ("Total paid", "USD 53.00"),
    ]


def test_a_reverse_charge_is_a_note_and_no_tax() -> None:
    rate = replace(VAT, reverse_charge_note="Reverse charge: the customer accounts for VAT.")
    content = write_receipt(payment(), customer(details=UK), seller(rates=(rate,)))
    assert content.taxes == ()
    assert content.notes == ("Reverse charge: the customer accounts for VAT.",)


def test_a_seller_without_rates_has_no_tax_lines() -> None:
    content = write_receipt(payment(amount="53.00"), customer(details=UK), seller())
    assert [each["label"] for each in write_document(issued(content))["totals"]] == ["Total paid"]


def test_a_credit_note_names_its_receipt_and_gives_back_its_share_of_the_tax() -> None:
    paid = payment(amount="53.00", refunds=(refund("a", "20.00"), refund("b", "33.00")))
    receipt = issued(write_receipt(paid, customer(details=UK), seller(rates=(VAT,))), 123)
    first, second = write_credit_notes(paid, receipt, [], customer(details=UK), seller(rates=(VAT,)))
    assert [each.taxes[0].tax_micros for each in (first, second)] == [micros("3.33"), micros("5.50")]
    document = issued(first, 7)
    assert document.full_number == "TT-CN-2026-000007"
    page = write_document(document)
    assert ["Receipt number", "TT-2026-000123"] in page["facts"]
    assert cells(document) == [["Refund of receipt TT-2026-000123", "1", "USD 20.00", "USD 20.00"]]
    assert page["totals"][-1] == {"label": "Total refunded", "amount": "USD 20.00", "strong": True}


def test_a_credit_note_that_comes_later_follows_those_that_there_are() -> None:
    paid = payment(amount="53.00", refunds=(refund("a", "20.00"), refund("b", "33.00")))
    receipt = issued(write_receipt(paid, customer(details=UK), seller(rates=(VAT,))))
    at_once = write_credit_notes(paid, receipt, [], customer(), seller())
    (later,) = write_credit_notes(paid, receipt, [issued(at_once[0])], customer(), seller())
    assert later == at_once[1]


def test_a_refund_that_the_bank_returned_gets_no_credit_note_and_leaves_the_others_tax_whole() -> None:
    first, returned = refund("a", "20.00"), refund("a", "20.00", returned=True)
    paid = payment(amount="53.00", refunds=(first,))
    receipt = issued(write_receipt(paid, customer(details=UK), seller(rates=(VAT,))))
    (note,) = write_credit_notes(paid, receipt, [], customer(), seller())
    again = replace(paid, refunds=(returned, refund("b", "53.00")))
    (whole,) = write_credit_notes(again, receipt, [issued(note)], customer(), seller())
    assert whole.taxes[0].tax_micros == receipt.content.taxes[0].tax_micros
    assert write_credit_notes(replace(paid, refunds=(returned,)), receipt, [], customer(), seller()) == []


def test_a_received_adjustment_gets_a_receipt_and_goodwill_does_not() -> None:
    entry = LedgerEntry(
        cause="adjustment:acme:1",
        account_id="acme",
        sequence=1,
        kind="adjustment",
        amount_micros=micros("500"),
        balance_after_micros=micros("500"),
        currency="USD",
        posted_at=NOW,
        description=WIRE,
        postings=(),
    )
    wire, goodwill = record_adjustment(entry, "1", received=True), record_adjustment(entry, "1")
    assert (wire.is_money_received, goodwill.is_money_received) == (True, False)
    content = write_receipt(wire, customer(), seller())
    assert content.card is None
    assert cells(issued(content))[0][0] == f"\u2068{WIRE}\u2069"


@pytest.mark.parametrize("status", ["Failed", "Checkout", "Processing"])
def test_what_is_not_paid_is_no_money_received(status: str) -> None:
    unpaid: Transaction = replace(payment(), status=status)  # type: ignore[arg-type]
    assert not unpaid.is_money_received


def test_what_was_paid_from_credit_is_no_money_received() -> None:
    from_credit = replace(payment(lines=(line("49.00"),)), payment_intent_id=None, card=None)
    assert not from_credit.is_money_received


def test_a_document_of_two_languages_has_each_label_in_both_and_each_fact_once() -> None:
    bilingual = replace(seller(), languages=("ar", "en"))
    paid = payment(amount="53.00", lines=(line("49.00"), line("4.00", code="rental", quantity="2", name="أرقام")))
    page = write_document(issued(write_receipt(paid, customer(language="en"), bilingual), 5))
    assert (page["language"], page["direction"]) == ("ar", "rtl")
    assert page["title"] == "\u2068إيصال\u2069 · \u2068Receipt\u2069"
    assert page["document_title"] == "إيصال · Receipt TT-2026-000005"
    assert page["tables"][0]["rows"][1][0]["text"] == "\u2068أرقام\u2069"
    assert page["facts"][1][1] == "\u206823 نوفمبر 2026\u2069 · \u206823 Nov 2026\u2069"
    assert page["tables"][0]["rows"][1][2]["text"] == "\u2068USD 2.00\u2069"


def test_a_unit_price_that_is_no_whole_amount_is_not_made_up() -> None:
    third = line("10.00", code="rental", quantity="3", name="Seats")
    content = write_receipt(payment(amount="10.00", lines=(third,)), customer(), seller())
    assert cells(issued(content)) == [["Seats", "3", "", "USD 10.00"]]


def test_the_sellers_title_heads_receipts_and_no_credit_notes() -> None:
    titled = replace(seller(), title="Tax Invoice / فاتورة ضريبية")
    paid = payment(refunds=(refund("a", "20.00"),))
    receipt = issued(write_receipt(paid, customer(), titled))
    assert write_document(receipt)["title"] == "\u2068Tax Invoice / فاتورة ضريبية\u2069"
    (note,) = write_credit_notes(paid, receipt, [], customer(), titled)
    assert write_document(issued(note))["title"] == "Credit note"


def test_numbers_follow_the_counter_and_grow_beyond_six_digits() -> None:
    content = write_receipt(payment(), customer(), seller())
    counter = Counter(Series("default", "receipt", 2026), 999_998, NOW)
    documents, after = number_documents([content, content], counter, NOW)
    assert [each.full_number for each in documents] == ["TT-2026-999999", "TT-2026-1000000"]
    assert after.issued == 1_000_000


def test_a_card_is_shown_by_its_brand_and_last_digits() -> None:
    assert write_receipt(payment(), customer(), seller()).card == VISA
