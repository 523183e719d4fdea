"""Sellers: who bills. What a seller is called stands on every document that is issued for its accounts.

A platform is one seller. Each agency that resells it is one. An account names its seller, `default` if it names none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.account import ACCOUNT_ID
from billing.domain.errors import Conflict, InvalidValue
from billing.domain.stored import ByPosition

SELLER_ID = ACCOUNT_ID
RECEIPT_PREFIX = re.compile(r"[A-Z][A-Z0-9]{0,9}", re.ASCII)
"""Without a hyphen: else the receipts of "TT-CN" and the credit notes of "TT" would have the same numbers."""
RECEIPT_PREFIX_SAYS = "must be 1 to 10 capital letters and digits and begin with a letter"


@dataclass(frozen=True, slots=True)
class TaxRate(ByPosition):
    """A tax that prices include, for customers of some countries; without countries, for those of all others.

    With a `reverse_charge_note`, a customer who has a tax id owes the tax itself: the note is printed, and no tax.

    Stored by position: a new field goes last, with a default.
    """

    name: str
    percent_millionths: int
    countries: tuple[str, ...] = ()
    reverse_charge_note: str | None = None


@dataclass(frozen=True, slots=True)
class Seller:
    """`legal_lines` stand below the name: the address, the register, whatever the law of its country wants.

    `title` heads a receipt in place of the word "Receipt". `languages` are those of every document; without them, each
    is in its account's. `billing_url` is where mails link to, in place of the stage's page. `is_numbering` is true from
    the first document on: from then on the prefix stays. `version` counts writes.
    """

    seller_id: str
    name: str
    receipt_prefix: str
    created_at: datetime
    legal_lines: tuple[str, ...] = ()
    country: str | None = None
    tax_id: str | None = None
    title: str | None = None
    languages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tax_rates: tuple[TaxRate, ...] = ()
    billing_url: str | None = None
    is_numbering: bool = False
    version: int = 0


class PrefixTaken(Conflict):
    """Two sellers with one prefix would give the same number twice."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            f'another seller has the prefix "{prefix}"', code="receipt_prefix_taken", field="receipt_prefix"
        )


def require_same_prefix(before: Seller, after: Seller) -> None:
    """Raises Conflict (`receipt_prefix_fixed`) where the prefix would change after a document was numbered."""
    if before.is_numbering and before.receipt_prefix != after.receipt_prefix:
        raise Conflict(
            f'documents have been numbered with "{before.receipt_prefix}": the prefix stays',
            code="receipt_prefix_fixed",
            field="receipt_prefix",
        )


def require_one_rate_a_country(rates: Sequence[TaxRate]) -> None:
    """Raises InvalidValue where two rates would hold for a customer."""
    countries = [country for rate in rates for country in rate.countries or ("all others",)]
    for country in countries:
        if countries.count(country) > 1:
            raise InvalidValue(f"must have one rate for {country}, not two", field="tax_rates")
