"""What every page of a visit needs of its account: who it is, what it has, who bills it, and its cards."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.account import Account
from billing.domain.card import Card
from billing.domain.plan import Plan
from billing.domain.seller import Seller
from billing.domain.wallet import Wallet
from billing.services.accounts import AccountNotFound
from billing.services.wallet_as_of import as_of
from billing.store.customers import read_customer
from billing.store.store import Store


@dataclass(frozen=True, slots=True)
class Customer:
    """`wallet` is as of now, `plan` the one of its period. `cards` are those that are listed, the first added first."""

    account: Account
    wallet: Wallet
    plan: Plan | None
    seller: Seller | None
    cards: tuple[Card, ...]

    @property
    def default_card(self) -> Card | None:
        default = self.wallet.default_card
        if default is None:
            return None
        return next((each for each in self.cards if each.payment_method_id == default.payment_method_id), None)


def find_customer(store: Store, account_id: str, seller_id: str, now: datetime) -> Customer:
    """In two requests. A seller that is another one by now, or was never put, is None. Raises AccountNotFound."""
    account, wallet, seller = read_customer(store.database, account_id, seller_id)
    if account is None or wallet is None:
        raise AccountNotFound(account_id)
    wallet, plan = as_of(store, wallet.without_expired_grants(now), now)
    cards = tuple(card for card in store.cards.of_account(account_id) if card.is_listed)
    ordered = sorted(cards, key=lambda card: (card.added_at, card.fingerprint))
    return Customer(account, wallet, plan, seller if account.seller_id == seller_id else None, tuple(ordered))
