"""A request within a visit: whose it is, what was asked, and in which language and theme it is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billing.console.forms import Form
from billing.console.rendering import Speaker
from billing.domain.account import LANGUAGES
from billing.domain.portal_session import PortalSession, form_token
from billing.services.visits import Customer
from billing.store.store import Store
from billing.web.http import Request, headers

if TYPE_CHECKING:
    from billing.payments.gateway import Gateway

THEMES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the visitor chose; None is what the session or the account says."""

    language: str | None = None
    theme: str = "system"

    @classmethod
    def parse(cls, cookie: str) -> "Preferences":
        language, _, theme = cookie.partition(".")
        return cls(language if language in LANGUAGES else None, theme if theme in THEMES else "system")


@dataclass(frozen=True, slots=True)
class Visit:
    """What every page is given. `gateway` makes the connection to Stripe when a page needs it.

    `path` is the address without the query, `query` its fields. `form` is what was sent, empty where nothing was.
    """

    store: Store
    gateway: "Callable[[], Gateway]"
    session: PortalSession
    secret: str
    customer: Customer
    speaker: Speaker
    theme: str
    now: datetime
    origin: str
    path: str
    query: Form
    form: Form

    @property
    def account_id(self) -> str:
        return self.customer.account.account_id

    @property
    def currency(self) -> str:
        return self.customer.wallet.currency

    @property
    def form_token(self) -> str:
        return form_token(self.secret)

    def address(self, path: str) -> str:
        """A page of the console, as Stripe's page is to send the visitor back to it."""
        return f"{self.origin}{path}"


def preferred_language(request: Request) -> str:
    """Of somebody whom no visit tells of: the first language of theirs that we have."""
    for each in headers(request).get("accept-language", "").split(",")[:20]:
        name = each.partition(";")[0].strip().partition("-")[0].lower()
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]
