"""Accounts by what people know of them: how one stands, its e-mail address, the beginning of its name."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from billing.domain.account import Account
from billing.domain.standing import SearchedStatus, stands
from billing.domain.wallet import Wallet

FoundBy = Literal["name", "email"]

_MAX_KEY_BYTES: Final = 400
"""What a place holds of a name: a cursor with it stays below the longest one that is taken."""


def fold(text: str) -> str:
    """Text as it is searched: without case, width, accents and vowel points, by Unicode's compatibility decomposition.

    "ＣＡＦÉ" and "cafe" are the same, "Straße" and "STRASSE", "مَطعم" and "مطعم".
    """
    lowered = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(each))


def beginning_of(text: str) -> str:
    """What the places of texts that begin as `text` does begin with, or less of it where that is long."""
    return fold(text).encode()[:_MAX_KEY_BYTES].decode(errors="ignore")


def places_of(account: Account) -> Mapping[FoundBy, str]:
    """Where the directory lists an account: by its name and by its address, each with its id, so that no two share one.

    No text of an account holds a line break, which sorts before all that it may hold.
    """
    return {"name": place(account.name, account.account_id), "email": place(account.email, account.account_id)}


def place(text: str, account_id: str = "") -> str:
    """Without an id, what the places of all accounts with that text begin with."""
    return f"{beginning_of(text)}\n{account_id}"


@dataclass(frozen=True, slots=True)
class AccountSearch:
    """What an account must be to be found: all that is not None. `name` is the beginning of it."""

    status: SearchedStatus | None = None
    email: str | None = None
    name: str | None = None

    def finds(self, account: Account, wallet: Wallet) -> bool:
        return (
            (self.status is None or stands(wallet, self.status))
            and (self.email is None or fold(account.email) == fold(self.email))
            and (self.name is None or fold(account.name).startswith(fold(self.name)))
        )
