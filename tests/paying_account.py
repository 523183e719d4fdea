"""An account in a real store that pays through the Stripe simulator, and what a test asks of both."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import httpx

from billing.domain.account import Account
from billing.domain.card import Card
from billing.domain.refill_settings import RefillSettings
from billing.domain.stripe_event import StripeEvent
from billing.domain.transaction import Transaction
from billing.domain.wallet import Wallet
from billing.payments.gateway import Gateway
from billing.payments.settings import StripeSettings
from billing.services.add_card import open_card_page
from billing.services.cards import list_cards
from billing.services.charge_card import charge_card
from billing.services.reconcile_payments import Reconciled, Reconciliation
from billing.services.refund import refund_payment
from billing.services.set_auto_refill import set_auto_refill
from billing.services.stripe_events import handle_event
from billing.services.top_up import top_up
from billing.store.accounts import Accounts
from billing.store.cards import Cards
from billing.store.database import Database
from billing.store.transactions import Transactions
from billing.web.values import MAX_PAGE
from infra.local.stripe_simulator import RunningSimulator
from tests.builders import CUSTOMER, NOW, micros
from tests.patience import WITHIN_SECONDS
from tests.platform_of_one import World

STAGE = "test"
UNREACHABLE = "timeout_before"
"""A fault: the request never reaches Stripe."""
WRONG_KEY = "sk_test_wrong"
RETURN_URL = "https://portal.example/billing"


@dataclass(frozen=True)
class Paying:
    """A store and a simulator, and the use cases over them. Amounts are decimal strings of major units."""

    database: Database
    stripe: RunningSimulator
    account_id: str = "acme"

    @property
    def store(self) -> World:
        return World(self.database)

    @property
    def gateway(self) -> Gateway:
        """Without the SDK's own retries: a fault is then seen where it happens."""
        settings = StripeSettings(self.stripe.api_key, self.stripe.url)
        return Gateway(settings, STAGE, retries=0)

    @property
    def wallet(self) -> Wallet:
        return self.store.wallet(self.account_id)

    @property
    def cards(self) -> list[Card]:
        return list_cards(self.store, self.account_id, MAX_PAGE, None).cards.items

    def open(
        self, *, currency: str = "USD", paid: str = "0", name: str = CUSTOMER, email: str = "billing@acme.example"
    ) -> None:
        """An account without a plan, which may pay all the same."""
        Accounts(self.database).create(Account(self.account_id, name, email, currency, "en", NOW))
        if micros(paid):
            self.store.adjust(paid, "opening", account_id=self.account_id)

    def enter_card(
        self,
        card: str = "pm_card_visa",
        *,
        key: str = "page-1",
        expires: tuple[int, int] | None = None,
        now: datetime = NOW,
    ) -> str:
        """The customer enters a card on Stripe's page; nobody has told us yet. Returns the session's id.

        Its date is a year and a month, where it matters.
        """
        date = {} if expires is None else {"exp_year": expires[0], "exp_month": expires[1]}
        url = open_card_page(self.store, self.gateway, self.account_id, key=key, return_url=RETURN_URL, now=now)
        session_id = url.rpartition("/")[2]
        self.stripe.control(f"checkout/sessions/{session_id}/complete", {"card": card, **date})
        return session_id

    def add_card(
        self,
        card: str = "pm_card_visa",
        *,
        key: str = "page-1",
        expires: tuple[int, int] | None = None,
        now: datetime = NOW,
    ) -> None:
        """The customer enters a card, and the webhook tells us."""
        self.tell("checkout.session.completed", self.enter_card(card, key=key, expires=expires, now=now), now=now)

    def tell(self, event_type: str, object_id: str, *, now: datetime = NOW) -> None:
        """An event, as the queue behind the webhook delivers it."""
        handle_event(self.store, self.gateway, StripeEvent(f"evt_{object_id}", event_type, object_id), now)

    def tell_all(self, *, reverse: bool = False, now: datetime = NOW) -> None:
        """All events that the simulator has ever made, in their order or the other way round."""
        for event in self.events if reverse else self.events[::-1]:
            self.tell(event["type"], event["data"]["object"]["id"], now=now)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The simulator's events, newest first."""
        return self.read("events")

    def read(self, resource: str, **params: str) -> list[dict[str, Any]]:
        """A list of Stripe's to its end, newest first."""
        found: list[dict[str, Any]] = []
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            answer = httpx.get(
                f"{self.stripe.url}/v1/{resource}",
                params={"limit": "100", **params, **after},
                headers={"authorization": f"Bearer {self.stripe.api_key}"},
                timeout=WITHIN_SECONDS,
                trust_env=False,
            )
            page = answer.raise_for_status().json()
            found += page["data"]
            if not page["has_more"]:
                return found

    def make_intent(self, **form: str) -> str:
        """A PaymentIntent that no request of ours makes, by Stripe's own parameters. Returns its id."""
        answer = httpx.post(
            f"{self.stripe.url}/v1/payment_intents",
            data=form,
            headers={"authorization": f"Bearer {self.stripe.api_key}"},
            timeout=WITHIN_SECONDS,
            trust_env=False,
        )
        return str(answer.raise_for_status().json()["id"])

    def make_intent_of(self, transaction: Transaction, **form: str) -> str:
        """A PaymentIntent that Stripe has under a transaction's name. Nobody has confirmed it, unless `form` does."""
        named = {"account": transaction.account_id, "stage": STAGE, "transaction": transaction.transaction_id}
        return self.make_intent(
            amount=str(transaction.amount_micros // 10_000),
            currency="usd",
            customer=str(self.read("customers")[0]["id"]),
            payment_method=transaction.payment_method_id or "",
            **{f"metadata[talktime_{name}]": value for name, value in named.items()},
            **form,
        )

    def top_up(
        self,
        amount: str,
        *,
        card: str | None = None,
        transaction_id: str = "tx_1",
        return_url: str = RETURN_URL,
        now: datetime = NOW,
    ) -> Transaction:
        return top_up(
            self.store,
            self.gateway,
            self.account_id,
            micros=micros(amount),
            payment_method_id=card,
            transaction_id=transaction_id,
            return_url=return_url,
            now=now,
        )

    def pay_page(self, transaction: Transaction, card: str = "pm_card_visa") -> None:
        """The customer pays on the transaction's page; nobody has told us yet."""
        self.stripe.control(f"checkout/sessions/{transaction.session_id}/complete", {"card": card})

    def auto_refill(
        self,
        *,
        threshold: str = "20",
        amount: str = "100",
        limit: str | None = None,
        enabled: bool = True,
        now: datetime = NOW,
    ) -> None:
        set_auto_refill(
            self.store,
            self.account_id,
            RefillSettings(enabled, micros(threshold), micros(amount), None if limit is None else micros(limit)),
            now,
        )

    def charge_pending(self, *, now: datetime = NOW) -> Transaction | None:
        """What the stream does: charge the refill that the wallet waits for."""
        refill = self.wallet.refill
        if refill is None or refill.pending is None:
            return None
        return charge_card(self.store, self.gateway, self.transaction(refill.pending), return_url=RETURN_URL, now=now)

    def reconcile(self, now: datetime, *, clock: datetime | None = None) -> Reconciled:
        return Reconciliation(self.store, self.gateway, RETURN_URL).run(now, clock=clock)

    def refund(self, transaction_id: str, amount: str | None = None, *, key: str = "refund-1") -> Transaction:
        return refund_payment(
            self.store,
            self.gateway,
            self.account_id,
            transaction_id,
            micros=None if amount is None else micros(amount),
            refund_key=key,
            now=NOW,
        )

    def transaction(self, transaction_id: str = "tx_1") -> Transaction:
        found = Transactions(self.database).get(transaction_id)
        assert found is not None
        return found

    @property
    def history(self) -> list[Transaction]:
        """All payments, newest first; credit by hand, with which many a test begins, is left out."""
        return [each for each in self.store.history(self.account_id) if each.is_payment]

    @property
    def stored_cards(self) -> list[Card]:
        return Cards(self.database).of_account(self.account_id)

    def delete_customer(self) -> str:
        """The merchant deletes the account's customer in Stripe's Dashboard. Returns its id."""
        customer_id = str(self.read("customers")[0]["id"])
        self.stripe.control(f"customers/{customer_id}/delete")
        return customer_id

    def fault(self, path: str, fault: str, *, times: int = 1, method: str = "POST") -> None:
        self.stripe.control("faults", {"method": method, "path": path, "fault": fault, "times": times, "seconds": 0})

    def behave(self, behavior: str, card: Card | None = None) -> None:
        """The card's bank answers so from now on."""
        card = card or self.cards[0]
        self.stripe.control(f"payment_methods/{card.payment_method_id}", {"behavior": behavior})


class WithTheWrongKey(Paying):
    """The same account, store and Stripe, asked with a key that is none of ours."""

    @property
    def gateway(self) -> Gateway:
        return Gateway(StripeSettings(WRONG_KEY, self.stripe.url), STAGE, retries=0, key_refused=self.heard)

    refusals: ClassVar[list[int]] = []

    def heard(self) -> None:
        self.refusals.append(1)


def signature(body: str, secret: str, at: datetime) -> str:
    """Stripe's header for a body."""
    moment = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
