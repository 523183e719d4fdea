"""How little and how much a card is charged at once, in every currency: about half a dollar to ten thousand.

Stripe charges nothing below about 0.50 USD, and says which amounts that is for some currencies only. Upwards it counts
the digits of an amount in minor units: eight, and more for the currencies named below.
https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
"""

from billing.domain.money import from_minor_units, minor_unit_decimals

MAX_CHARGE_DOLLARS = 10_000
"""Of one top-up or refill: a slipped decimal point should not empty somebody's card."""

# What that page states for cards. For other currencies Stripe's pages do not agree, and the reference of PaymentIntents
# says eight: the least of these counts here. American Express takes nine digits at most.
_MAX_DIGITS = {"COP": 10, "HUF": 10, "IDR": 12, "INR": 9, "JPY": 10, "LBP": 11}
_MAX_DIGITS_OF_OTHERS = 8
_ANY_STEP = 100
"""Minor units of which every currency's smallest step is a part."""

# Whole major units worth about 1 USD, never less than twice Stripe's minimum; 1 for currencies that are not here.
_ABOUT_A_DOLLAR = {
    "AED": 4, "AFN": 80, "ALL": 100, "AMD": 400, "AOA": 1000, "ARS": 1500, "BDT": 130, "BIF": 3000, "CDF": 3000,
    "CLP": 1000, "COP": 4500, "CRC": 600, "CVE": 110, "CZK": 30, "DJF": 200, "DKK": 8, "DOP": 70, "DZD": 150,
    "EGP": 60, "ETB": 150, "GMD": 80, "GNF": 9000, "GYD": 220, "HKD": 8, "HTG": 150, "HUF": 400, "IDR": 17000,
    "INR": 90, "ISK": 150, "JMD": 170, "JPY": 150, "KES": 140, "KGS": 90, "KHR": 4200, "KMF": 500, "KRW": 1500,
    "KZT": 550, "LAK": 22000, "LBP": 90000, "LKR": 320, "LRD": 200, "MDL": 20, "MGA": 4700, "MKD": 60, "MMK": 2200,
    "MNT": 3600, "MUR": 50, "MWK": 1800, "MXN": 20, "MYR": 5, "MZN": 70, "NGN": 1600, "NIO": 40, "NOK": 11,
    "NPR": 150, "PHP": 60, "PKR": 300, "PLN": 4, "PYG": 8000, "RON": 5, "RSD": 110, "RWF": 1500, "SEK": 11,
    "SLE": 25, "SOS": 600, "STD": 25000, "SZL": 20, "THB": 35, "TJS": 12, "TND": 4, "TRY": 45, "TWD": 35,
    "TZS": 2700, "UAH": 45, "UGX": 3700, "UYU": 45, "UZS": 13000, "VND": 27000, "VUV": 130, "XAF": 600, "XOF": 600,
    "XPF": 120, "YER": 550, "ZAR": 20, "ZMW": 28,
}  # fmt: skip


def hold_minor_units(currency: str) -> int:
    """A verification hold: about 1.00."""
    return int(_ABOUT_A_DOLLAR.get(currency, 1) * 10 ** minor_unit_decimals(currency))


def least_charge_micros(currency: str) -> int:
    return from_minor_units(hold_minor_units(currency), currency).micros // 2


def largest_charge_micros(currency: str) -> int:
    """Of an amount that somebody types in. What a plan costs has another limit: `most_by_stripe_micros`."""
    about = from_minor_units(MAX_CHARGE_DOLLARS * hold_minor_units(currency), currency).micros
    return min(about, most_by_stripe_micros(currency))


def most_by_stripe_micros(currency: str) -> int:
    """What Stripe charges at once at most."""
    minor_units = 10 ** _MAX_DIGITS.get(currency, _MAX_DIGITS_OF_OTHERS) - _ANY_STEP
    return from_minor_units(minor_units, currency).micros
