"""One of each document that is stored, and of what it is made of, with all that it may hold, in any script."""

from dataclasses import replace

from billing.domain.billing_details import BillingDetails
from billing.domain.document import Content, Counter, Document, Party, Series
from billing.domain.month import Month
from billing.domain.seller import Seller, TaxRate
from billing.domain.statement import MoneyLine, Statement, Sums, UsageLine
from billing.domain.tax import TaxLine
from billing.domain.transaction import CardFace, TransactionLine
from billing.store.statements import Draft
from tests.contract.samples import ACCOUNT, ADJUSTED, END, NOW, START

BILLED = replace(
    ACCOUNT,
    seller_id="agency",
    details=BillingDetails(
        "شركة لودز", ("ul. Piotrkowska 1", "Łódź"), "PL", "PL1234567890", ("ksiegowosc@acme.example",)
    ),
)
SELLER = Seller(
    seller_id="agency",
    name="代理店 Agency",
    receipt_prefix="AG",
    created_at=START,
    legal_lines=("1 Example Street", "سجل تجاري 4711"),
    country="OM",
    tax_id="OM1100000001",
    title="Tax Invoice / فاتورة ضريبية",
    languages=("ar", "en"),
    notes=("Спасибо",),
    tax_rates=(TaxRate("VAT", 5_000_000), TaxRate("VAT", 20_000_000, ("GB",), "Reverse charge")),
    billing_url="https://agency.example/bills",
    is_numbering=True,
    version=3,
)
RECEIVED = replace(ADJUSTED, received=True)
RECEIPT = Document(
    Content(
        kind="receipt",
        transaction_id="tx_1",
        account_id="acme",
        seller_id="agency",
        prefix="AG",
        transaction_kind="renewal",
        amount_micros=53_000_000,
        currency="USD",
        moved_at=START,
        seller=Party("代理店 Agency", ("1 Example Street",), "OM", "OM1100000001"),
        customer=Party("شركة لودز", ("Łódź",), "PL", "PL1234567890"),
        languages=("ar", "en"),
        lines=(
            TransactionLine("", "1", 49_000_000, START, END, code="plan", name="企业版"),
            TransactionLine("", "1", 4_000_000, code="credit"),
        ),
        taxes=(TaxLine("VAT", 20_000_000, 44_170_000, 8_830_000),),
        notes=("Спасибо",),
        title="Tax Invoice / فاتورة ضريبية",
        card=CardFace("visa", "4242"),
    ),
    2026,
    123,
    NOW,
)
CREDIT_NOTE = Document(
    replace(
        RECEIPT.content,
        kind="credit_note",
        amount_micros=20_000_000,
        lines=(TransactionLine("", "1", 20_000_000, code="refund", name="AG-2026-000123"),),
        taxes=(TaxLine("VAT", 20_000_000, 16_670_000, 3_330_000),),
        title=None,
        refund_id="re_1",
        receipt_number="AG-2026-000123",
    ),
    2026,
    7,
    NOW,
)
COUNTER = Counter(Series("agency", "receipt", 2026), 123, NOW)
MONEY_LINE = MoneyLine(NOW, "refund", "refund", "refund:re_1", -20_000_000, "AG-CN-2026-000007")
USAGE_LINE = UsageLine(
    "call_minutes", "minute", True, 90_000_000, 60_000_000, 30_000_000, 60_000, "enterprise", 1, "通話"
)
STATEMENT = Statement(
    account_id="acme",
    currency="USD",
    month=Month(2026, 10),
    is_final=True,
    made_at=NOW,
    opening_micros=1_000_000,
    closing_micros=-19_060_000,
    movements={"refunds": -20_000_000, "late_usage": -60_000},
    money=(MONEY_LINE,),
    subscription=(replace(MONEY_LINE, number=None),),
    usage=(USAGE_LINE,),
    customer=RECEIPT.content.customer,
    seller=RECEIPT.content.seller,
    languages=("ar", "en"),
)
DRAFT = Draft(
    Sums(3, {"usage": -60_000}, (MONEY_LINE,), (), (USAGE_LINE,), 940_000), "2026-10-23T09:15:02.120Z#000000000003"
)
PDF = b"%PDF-1.7 \x00\xff"
