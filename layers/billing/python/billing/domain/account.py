"""Accounts: who pays, and how to reach them."""

import re
from dataclasses import dataclass
from datetime import datetime

from billing.domain.billing_details import BillingDetails

ACCOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}", re.ASCII)
ACCOUNT_ID_SAYS = "must be 1 to 64 letters, digits and _.@+- and begin with a letter or a digit"
LANGUAGES = ("en", "ar")
DEFAULT_SELLER = "default"


@dataclass(frozen=True, slots=True)
class Account:
    """The currency is chosen once: balances are never converted. `seller_id` is who bills it."""

    account_id: str
    name: str
    email: str
    currency: str
    language: str
    created_at: datetime
    seller_id: str = DEFAULT_SELLER
    details: BillingDetails | None = None
