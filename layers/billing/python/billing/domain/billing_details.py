"""Billing details: what a customer is called on documents, and where its mails go."""

from dataclasses import dataclass

MAX_ADDRESS_LINES = 4
MAX_EMAILS = 5


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """`legal_name` is the account's name where it is None. `country` is an ISO 3166-1 code of two letters.

    `tax_id` is kept as it was typed: nobody checks it with an authority. Mails go to `emails`; without any, to the
    account's own address.
    """

    legal_name: str | None = None
    address_lines: tuple[str, ...] = ()
    country: str | None = None
    tax_id: str | None = None
    emails: tuple[str, ...] = ()
