"""A decision about a wallet, as a value: what is posted, which other rows are written with it, and the answer.

Whoever decides returns all that follows, and writes nothing. Whoever writes needs no decision: all of it is written in
one transaction, or nothing is.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from billing.domain.card import Card
from billing.domain.transaction import Transaction
from billing.domain.wallet import Posted, Wallet

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Added(Generic[R]):
    """A row that is written where there is none of its key."""

    row: R


@dataclass(frozen=True, slots=True)
class Moved(Generic[R]):
    """A row that becomes `after`, where it still is `before`."""

    before: R
    after: R


@dataclass(frozen=True, slots=True)
class Unmoved(Generic[R]):
    """A row that is not written. The rest is, only while the row still is as it says."""

    row: R


Row = Added[Transaction] | Moved[Transaction] | Moved[Card] | Unmoved[Card]


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """`posted` is the wallet after it with its entries, `also` the other rows, `answer` what the asker is told."""

    posted: Posted
    answer: T
    also: tuple[Row, ...] = ()

    @property
    def wallet(self) -> Wallet:
        return self.posted.wallet
