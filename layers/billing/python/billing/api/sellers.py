"""Sellers and billing details on the wire: what is printed on documents, for whoever bills and whoever pays."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from billing.domain.billing_details import MAX_ADDRESS_LINES, MAX_EMAILS, BillingDetails
from billing.domain.decimals import format_millionths
from billing.domain.instants import format_instant
from billing.domain.seller import Seller, TaxRate
from billing.web.values import (
    Body,
    Country,
    Email,
    Example,
    Instant,
    Language,
    Name,
    Percent,
    Reason,
    ReceiptPrefix,
    ReturnUrl,
    ShortText,
    View,
    distinct,
)
from billing.words.countries import COUNTRIES

MAX_LEGAL_LINES = 8
MAX_NOTES = 5
MAX_TAX_RATES = 100


class TaxRateBody(Body):
    """A tax that prices include: no amount changes by it. Without countries, it is for those of no other rate."""

    name: ShortText = Field(description="as printed, such as VAT")
    percent: Percent
    countries: Annotated[list[Country], Field(max_length=len(COUNTRIES)), distinct("a country")] = Field(
        default=[], description="of the customers"
    )
    reverse_charge_note: Reason | None = Field(
        default=None, description="printed in place of the tax for a customer who has a tax id"
    )

    def to_rate(self) -> TaxRate:
        return TaxRate(self.name, self.percent, tuple(self.countries), self.reverse_charge_note)


class SellerBody(Body):
    """The whole: what is left out is none. Documents that exist stay as they are."""

    example: ClassVar[Example] = {
        "name": "Talktime Ltd",
        "legal_lines": ["1 Example Street", "London EC1A 1AA"],
        "country": "GB",
        "tax_id": "GB123456789",
        "receipt_prefix": "TT",
        "tax_rates": [{"name": "VAT", "percent": "20", "countries": ["GB"]}],
    }

    name: Name
    receipt_prefix: ReceiptPrefix = Field(
        description="begins each number, no other seller has it, and it stays from the first document on"
    )
    legal_lines: Annotated[list[Name], Field(max_length=MAX_LEGAL_LINES)] = Field(
        default=[], description="address and register, as printed below the name"
    )
    country: Country | None = None
    tax_id: ShortText | None = None
    title: ShortText | None = Field(default=None, description='heads receipts, such as "Tax Invoice"')
    languages: Annotated[list[Language], Field(max_length=2), distinct("a language")] = Field(
        default=[], description="of all documents; none: each in its account's. Two are printed on one page"
    )
    notes: Annotated[list[Reason], Field(max_length=MAX_NOTES)] = Field(default=[], description="printed on each")
    tax_rates: Annotated[list[TaxRateBody], Field(max_length=MAX_TAX_RATES)] = Field(
        default=[], description="at most one for a country; without any, documents say nothing of tax"
    )
    billing_url: ReturnUrl | None = Field(default=None, description="the page that its customers' mails link to")

    def to_seller(self, seller_id: str, now: datetime) -> Seller:
        return Seller(
            seller_id=seller_id,
            name=self.name,
            receipt_prefix=self.receipt_prefix,
            created_at=now,
            legal_lines=tuple(self.legal_lines),
            country=self.country,
            tax_id=self.tax_id,
            title=self.title,
            languages=tuple(self.languages),
            notes=tuple(self.notes),
            tax_rates=tuple(rate.to_rate() for rate in self.tax_rates),
            billing_url=self.billing_url,
        )


class TaxRateView(View):
    name: str
    percent: str
    countries: list[str]
    reverse_charge_note: str | None

    @classmethod
    def of(cls, rate: TaxRate) -> "TaxRateView":
        return cls(
            name=rate.name,
            percent=format_millionths(rate.percent_millionths),
            countries=list(rate.countries),
            reverse_charge_note=rate.reverse_charge_note,
        )


class SellerView(View):
    """Who bills. `prefix_is_fixed`: a document has been numbered with it."""

    seller_id: str
    name: str
    receipt_prefix: str
    prefix_is_fixed: bool
    legal_lines: list[str]
    country: str | None
    tax_id: str | None
    title: str | None
    languages: list[str]
    notes: list[str]
    tax_rates: list[TaxRateView]
    billing_url: str | None
    created_at: Instant

    @classmethod
    def of(cls, seller: Seller) -> "SellerView":
        return cls(
            seller_id=seller.seller_id,
            name=seller.name,
            receipt_prefix=seller.receipt_prefix,
            prefix_is_fixed=seller.is_numbering,
            legal_lines=list(seller.legal_lines),
            country=seller.country,
            tax_id=seller.tax_id,
            title=seller.title,
            languages=list(seller.languages),
            notes=list(seller.notes),
            tax_rates=[TaxRateView.of(rate) for rate in seller.tax_rates],
            billing_url=seller.billing_url,
            created_at=format_instant(seller.created_at),
        )


class BillingDetailsBody(Body):
    """The whole: what is left out is none. Documents that are issued from now on carry it, earlier ones stay."""

    example: ClassVar[Example] = {
        "legal_name": "Acme LLC",
        "address_lines": ["12 Market Street", "Springfield"],
        "country": "US",
        "tax_id": "12-3456789",
        "emails": ["accounts@acme.example"],
    }

    legal_name: Name | None = Field(default=None, description="absent: the account's name")
    address_lines: Annotated[list[Name], Field(max_length=MAX_ADDRESS_LINES)] = Field(
        default=[], description="as printed below the name, without the country"
    )
    country: Country | None = Field(default=None, description="says which of the seller's tax rates holds")
    tax_id: ShortText | None = Field(default=None, description="as it is typed: nobody checks it")
    emails: Annotated[list[Email], Field(max_length=MAX_EMAILS), distinct("an address")] = Field(
        default=[], description="where mails go; none: to the account's own address"
    )

    def to_details(self) -> BillingDetails:
        return BillingDetails(self.legal_name, tuple(self.address_lines), self.country, self.tax_id, tuple(self.emails))


class BillingDetailsView(View):
    legal_name: str | None
    address_lines: list[str]
    country: str | None
    tax_id: str | None
    emails: list[str]

    @classmethod
    def of(cls, details: BillingDetails | None) -> "BillingDetailsView":
        said = details or BillingDetails()
        return cls(
            legal_name=said.legal_name,
            address_lines=list(said.address_lines),
            country=said.country,
            tax_id=said.tax_id,
            emails=list(said.emails),
        )
