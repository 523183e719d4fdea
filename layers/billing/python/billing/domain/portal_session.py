"""Portal sessions: a platform lets its customer, who has no login here, into the console for an hour.

    the platform's backend        the customer's browser              the row
    asks for a session      ->                                        a ticket, by its hash
    sends it to the address ->    opens it once, within 5 minutes ->  the ticket is used, a cookie's hash
                                  sends the cookie each time          the same, until `expires_at` or revoked

The ticket is in an address, so in logs and histories: it opens once. The cookie is in no address. Both are 256 random
bits, kept as their SHA-256 alone.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from billing.domain.account import DEFAULT_SELLER
from billing.domain.api_key import hash_secret

LIFE = timedelta(hours=1)
TICKET_LIFE = timedelta(minutes=5)

Role = Literal["customer", "administrator"]
Page = Literal["overview", "add-credit", "payment-methods", "plan", "history", "usage", "details"]
PAGES: tuple[Page, ...] = get_args(Page)

SESSION_ID = re.compile(r"ps_[0-9a-f]{24}", re.ASCII)
SESSION_ID_SAYS = "must be the id of a portal session"
_PASS = re.compile(rf"({SESSION_ID.pattern})\.([A-Za-z0-9_-]{{43}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PortalSession:
    """One visit of one person, to one account, or as an administrator to all of them (`account_id` is None).

    `by` is who it is, as the platform says. `page` is where it begins, `return_url` where it leads back to.
    `language` None is the account's. A `read_only` one changes nothing. `secret_hash` is the cookie's, None until the
    ticket is used. `seller_id` is who billed the account when it began.
    """

    session_id: str
    account_id: str | None
    by: str | None
    page: Page
    created_at: datetime
    expires_at: datetime
    ticket_hash: str
    language: str | None = None
    return_url: str | None = None
    read_only: bool = False
    entered_at: datetime | None = None
    secret_hash: str | None = None
    seller_id: str = DEFAULT_SELLER

    @property
    def role(self) -> Role:
        return "administrator" if self.account_id is None else "customer"

    def is_over(self, now: datetime) -> bool:
        return now >= self.expires_at

    def admits(self, ticket: str, now: datetime) -> bool:
        """Whether the ticket opens it: once, and for five minutes. Compares in constant time."""
        is_fresh = self.entered_at is None and now < min(self.created_at + TICKET_LIFE, self.expires_at)
        return is_fresh and hmac.compare_digest(self.ticket_hash, hash_secret(ticket))

    def is_of(self, secret: str) -> bool:
        """Whether it is the visit that this cookie stands for. Compares in constant time."""
        return self.secret_hash is not None and hmac.compare_digest(self.secret_hash, hash_secret(secret))


def form_token(secret: str) -> str:
    """What proves that a form was shown within the visit of this cookie: no other site can know it."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def format_pass(session_id: str, secret: str) -> str:
    """A session with its ticket, in an address, or with its secret, in a cookie."""
    return f"{session_id}.{secret}"


def parse_pass(text: str) -> tuple[str, str] | None:
    """The session's id and the ticket or secret; None for anything else."""
    match = _PASS.fullmatch(text)
    return None if match is None else (match[1], match[2])
