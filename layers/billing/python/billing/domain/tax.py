"""Tax lines: what of an amount that was paid is tax. Rates are included in prices: no amount ever changes by them.

The tax is gross x rate / (100 + rate), half up to the currency's minor unit, and net = gross - tax.

| paid | rate | tax | net |
|---|---|---|---|
| 53.00 USD | 20 % | 8.83 | 44.17 |
| 100 JPY | 10 % | 9 | 91 |

A credit note's tax is that of all that was given back until now, less what earlier credit notes had. So the credit
notes of a payment that is given back whole have the receipt's tax in all. Of 53.00 with 20 %, 20.00, 20.00 and 13.00
are given back: 3.33, 3.34 and 2.16 are 8.83.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.billing_details import BillingDetails
from billing.domain.decimals import MILLION
from billing.domain.money import Money, share
from billing.domain.seller import TaxRate
from billing.domain.stored import ByPosition

_WHOLE = 100 * MILLION


@dataclass(frozen=True, slots=True)
class TaxLine(ByPosition):
    """The tax of a document at one rate. `percent_millionths` are millionths of a percent.

    Stored by position: a new field goes last, with a default.
    """

    name: str
    percent_millionths: int
    net_micros: int
    tax_micros: int


def rate_for(rates: Sequence[TaxRate], details: BillingDetails) -> TaxRate | None:
    """The rate of the customer's country, else the one of all other countries; None where the seller has neither."""
    of_country = (rate for rate in rates if details.country in rate.countries)
    of_others = (rate for rate in rates if not rate.countries)
    return next(of_country, None) or next(of_others, None)


def reverse_charge_note(rate: TaxRate, details: BillingDetails) -> str | None:
    """What is printed in place of the tax, for a customer with a tax id; None: the tax is."""
    return None if details.tax_id is None else rate.reverse_charge_note


def included_tax(name: str, percent_millionths: int, gross: Money) -> TaxLine:
    tax = share(gross, percent_millionths, _WHOLE + percent_millionths).micros
    return TaxLine(name, percent_millionths, gross.micros - tax, tax)


def tax_given_back(paid: TaxLine, given_back: Money, now: Money, earlier: Sequence[TaxLine]) -> TaxLine:
    """The tax of a credit note over `now`. `given_back` is all until now, with it; `earlier` are the notes before."""
    in_all = included_tax(paid.name, paid.percent_millionths, given_back).tax_micros
    tax = in_all - sum(line.tax_micros for line in earlier)
    return TaxLine(paid.name, paid.percent_millionths, now.micros - tax, tax)
