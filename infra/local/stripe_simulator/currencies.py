"""What Stripe charges: which currencies, in which minor units, and between which amounts.

Written down here again, apart from the product's own table: the simulator is the second opinion.
https://docs.stripe.com/currencies
"""

from infra.local.stripe_simulator.errors import invalid

_ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())  # noqa: SIM905  a table to read, not a list
_THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())  # noqa: SIM905  a table to read, not a list
_TWO_DECIMAL = frozenset(
    """aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc
    cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr
    kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk
    php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd
    uyu uzs wst xcd yer zar zmw""".split()  # noqa: SIM905  a table to read, not a list
)

# Two decimals by the letter, whole units in fact. https://docs.stripe.com/currencies#special-cases
_WHOLE_UNITS = frozenset({"isk", "ugx"})

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
_MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip

# Not in Stripe's table: worth about 0.50 USD, in which such a charge is settled.
_MINIMUM_BY_SETTLEMENT = {"bhd": 190, "jod": 360, "krw": 700, "kwd": 160, "omr": 200, "tnd": 1500, "clp": 500}
_MINIMUM_OF_OTHERS = 50

# The same page, by digits in minor units: what cards of each network may be charged.
_MAXIMUM = {
    "cop": 9_999_999_999, "huf": 9_999_999_999, "idr": 999_999_999_999, "inr": 999_999_999, "jpy": 9_999_999_999,
    "lbp": 99_999_999_999,
}  # fmt: skip
_MAXIMUM_OF_OTHERS = 99_999_999


def decimals(currency: str) -> int:
    """Decimals of the minor unit."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def parse_currency(code: str, param: str = "currency") -> str:
    """Lower case, or Stripe's refusal of a currency it does not charge."""
    currency = code.lower()
    if currency in _TWO_DECIMAL or currency in _ZERO_DECIMAL or currency in _THREE_DECIMAL:
        return currency
    raise invalid(f"Invalid currency: {code}. Stripe does not support it.", param)


def minimum(currency: str) -> int:
    """The least charge, in minor units."""
    return _MINIMUM.get(currency) or _MINIMUM_BY_SETTLEMENT.get(currency, _MINIMUM_OF_OTHERS)


def maximum(currency: str) -> int:
    """The largest charge, in minor units."""
    return _MAXIMUM.get(currency, _MAXIMUM_OF_OTHERS)


def show(amount: int, currency: str) -> str:
    """Minor units for a person: 1234 usd is `12.34 USD`."""
    places = decimals(currency)
    whole, rest = divmod(amount, 10**places)
    return f"{whole}.{rest:0{places}d} {currency.upper()}" if places else f"{whole} {currency.upper()}"


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Raise Stripe's refusal of an amount, in minor units, that it does not charge."""
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", param, "parameter_invalid_integer")
    if amount > maximum(currency):
        message = f"Amount must be no more than {show(maximum(currency), currency)}"
        raise invalid(message, param, "amount_too_large")
    if currency in _THREE_DECIMAL and amount % 10:
        message = f"Invalid amount {amount}: a three-decimal currency such as {currency} needs a last digit of 0."
        raise invalid(message, param)
    if currency in _WHOLE_UNITS and amount % 100:
        raise invalid(f"Invalid amount {amount}: {currency} has no smaller unit, so it must end in 00.", param)
    if amount < minimum(currency):
        raise invalid(f"Amount must be at least {show(minimum(currency), currency)}", param, "amount_too_small")
