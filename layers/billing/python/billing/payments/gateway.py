"""Stripe as the product speaks of it: customers, cards, holds, charges, pages, refunds, disputes.

Every object we make says in its metadata whose it is. Every request that makes one has an idempotency key, a time limit
and few retries; what is not answered raises PaymentsUnavailable, and asking again is safe. A key is a header: whatever
people type, it is ASCII, and within Stripe's 255 characters.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import stripe
from stripe import StripeClient

from billing.domain.account import Account
from billing.domain.card import Card
from billing.domain.charge_limits import hold_minor_units
from billing.domain.dispute import DisputeReport
from billing.domain.money import Money, card_minor_units
from billing.domain.stripe_event import StripeEvent
from billing.domain.transaction import Transaction
from billing.payments.answers import answered
from billing.payments.errors import CustomerDeleted, PaymentsMisconfigured, PaymentsUnavailable, StripeRefused
from billing.payments.event_types import HANDLED_EVENTS
from billing.payments.reading import (
    CARD_KEY,
    TRANSACTION_KEY,
    HostedPage,
    Intent,
    SavedMethod,
    StripeRefund,
    read_dispute,
    read_event,
    read_intent,
    read_method,
    read_refund,
    read_session,
)
from billing.payments.session import ApiKeys, OneKey, StripeSession
from billing.payments.settings import StripeSettings
from billing.payments.time_limit import TimeLimit

SESSION_PLACE = "{CHECKOUT_SESSION_ID}"
"""In the address that a page leads back to, Stripe puts the page's id here. Who canceled has nothing in its place."""
_RETRIES = 1
_KEY_SLOT_SECONDS = 600
_KEY_DIGITS = 32
_MOST_LOOKED_THROUGH = 10_000
_LOOK_BACK = timedelta(hours=1)
_PRODUCTS = {"renewal": "Subscription"}
"""What a page says is paid for; else it is credit."""


class Gateway:
    """Stripe's account of one deployment; objects of other stages and products in it are not ours."""

    def __init__(
        self,
        settings: StripeSettings,
        stage: str,
        *,
        retries: int = _RETRIES,
        limit: TimeLimit | None = None,
        keys: ApiKeys | None = None,
        key_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`limit` is how long all that is asked may take; `key_refused` is called when Stripe does not take our key.

        `keys` are asked for the key of each request; without them that of the settings is used for ever.
        """
        self.limit = limit or TimeLimit()
        bases: Any = {} if settings.api_base is None else {"api": settings.api_base}
        self._stripe = StripeClient(
            settings.api_key,
            base_addresses=bases,
            max_network_retries=retries,
            http_client=stripe.RequestsClient(session=StripeSession(keys or OneKey(settings.api_key), self.limit)),
        )
        self._stage = stage
        self._key_refused = key_refused

    @contextmanager
    def _asking(self, *, customer: str | None = None, method: str | None = None) -> Iterator[None]:
        """Stripe's errors in our words (see `answers`), of a request that names a customer or a payment method.

        Raises CustomerDeleted.
        """
        try:
            with answered():
                yield
        except PaymentsMisconfigured:
            self._key_refused()
            raise
        except StripeRefused as refusal:
            if not refusal.is_missing:
                raise
            if customer is not None and refusal.param in {"customer", "id", None}:
                if not self.is_deleted(customer):
                    raise PaymentsUnavailable(f"{refusal.detail}, and it is there") from refusal
                raise CustomerDeleted(refusal.detail, code=refusal.code, param=refusal.param) from refusal
            if method is not None and refusal.param == "payment_method":
                self.method(method)  # it is there: then it is this customer's no more
                raise
            self._key_refused()
            raise PaymentsMisconfigured(refusal.detail) from refusal

    def is_deleted(self, customer_id: str) -> bool:
        """Raises PaymentsMisconfigured where Stripe does not know the customer at all: the key is of elsewhere."""
        with self._asking():
            return bool(self._stripe.v1.customers.retrieve(customer_id).to_dict().get("deleted"))

    def create_customer(self, account: Account, now: datetime, *, instead_of: str | None = None) -> str:
        """A customer at Stripe for the account: its id. One too many does no harm: the store keeps the first.

        `instead_of` is one that was deleted there.
        """
        params: Any = {
            "name": account.name,
            "email": account.email,
            "metadata": self._metadata(account.account_id),
        }
        # Stripe refuses a key with other content: a renamed account is another request.
        facts = (account.account_id, account.name, account.email, _key_slot(now))
        key = self._key("customer", *facts, *([] if instead_of is None else [instead_of]))
        with self._asking():
            return self._stripe.v1.customers.create(params, key).id

    def update_customer(self, customer_id: str, account: Account) -> None:
        """Give a customer the account's present name and address. Doing it twice does no harm."""
        params: Any = {"name": account.name, "email": account.email}
        with self._asking(customer=customer_id):
            self._stripe.v1.customers.update(customer_id, params)

    def account_of(self, customer_id: str) -> str | None:
        """The account that a customer of ours stands for; None for another's customer."""
        with self._asking():
            customer = self._stripe.v1.customers.retrieve(customer_id).to_dict()
        metadata: dict[str, str] = customer.get("metadata") or {}
        return None if self.is_foreign(metadata) else metadata["talktime_account"]

    def charge(self, transaction: Transaction, customer_id: str) -> Intent:
        """Charge the transaction's saved card while its owner is away. A decline is an answer, not an error."""
        params: Any = {
            "amount": card_minor_units(Money(transaction.amount_micros, transaction.currency)),
            "currency": transaction.currency.lower(),
            "customer": customer_id,
            "payment_method": transaction.payment_method_id,
            "off_session": True,
            "confirm": True,
            "error_on_requires_action": True,
            "metadata": self._of_transaction(transaction),
            "expand": ["latest_charge"],
        }
        # Not a digest as the others: a charge without an answer is asked for again by this very key, also by the next
        # release. Another key is another charge.
        return self._confirmed(params, {"idempotency_key": f"talktime:{self._stage}:{transaction.idempotency_key}"})

    def place_hold(self, card: Card, customer_id: str, currency: str, now: datetime) -> Intent:
        """Hold about 1.00 on a saved card. It is never captured: see `release`."""
        params: Any = {
            "amount": hold_minor_units(currency),
            "currency": currency.lower(),
            "customer": customer_id,
            "payment_method": card.payment_method_id,
            "capture_method": "manual",
            "off_session": True,
            "confirm": True,
            "error_on_requires_action": True,
            "metadata": self._metadata(card.account_id) | {CARD_KEY: card.payment_method_id},
            "expand": ["latest_charge"],
        }
        return self._confirmed(params, self._key("hold", card.payment_method_id, _key_slot(now)))

    def _confirmed(self, params: Any, key: Any) -> Intent:
        try:
            with self._asking(customer=params["customer"], method=params["payment_method"]):
                return self._read(self._stripe.v1.payment_intents.create(params, key).to_dict())
        except stripe.CardError as decline:
            body: Any = decline.json_body
            return self._read(body["error"]["payment_intent"])

    def release(self, intent_id: str) -> None:
        """Cancel what is not captured; what is canceled already, stays so. Raises StripeRefused for what was paid."""
        try:
            with self._asking():
                self._stripe.v1.payment_intents.cancel(intent_id)
        except StripeRefused as refusal:
            if self.intent(intent_id).status != "canceled":
                raise StripeRefused(refusal.detail, code=refusal.code, param=refusal.param) from refusal

    def intent(self, intent_id: str) -> Intent:
        with self._asking():
            intent = self._stripe.v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]})
            return self._read(intent.to_dict())

    def intents_about(self, customer_id: str, key: str, value: str, since: datetime) -> list[Intent]:
        """A customer's payments with this metadata, the newest first: what became of a request without an answer.

        All of them since then are read: what is not among them was never asked for. Raises PaymentsUnavailable where
        there are too many to know. A customer that was deleted at Stripe has none: its cards can be charged no more,
        and events tell of what was charged before.
        """
        params: Any = {
            "customer": customer_id,
            "created": {"gte": int((since - _LOOK_BACK).timestamp())},
            "limit": 100,
            "expand": ["data.latest_charge"],
        }
        try:
            with self._asking(customer=customer_id):
                found = self._stripe.v1.payment_intents.list(params).auto_paging_iter()
                intents = [self._read(intent.to_dict()) for intent in _to_the_end(found)]
        except CustomerDeleted:
            return []
        return [intent for intent in intents if not intent.foreign and intent.metadata.get(key) == value]

    def open_payment_page(self, transaction: Transaction, customer_id: str, return_url: str) -> HostedPage:
        """Stripe's page on which the customer pays the transaction, with any card."""
        minor_units = card_minor_units(Money(transaction.amount_micros, transaction.currency))
        metadata = self._of_transaction(transaction)
        price = {
            "currency": transaction.currency.lower(),
            "unit_amount": minor_units,
            "product_data": {"name": _PRODUCTS.get(transaction.kind, "Credit")},
        }
        params: Any = {
            "mode": "payment",
            "customer": customer_id,
            "line_items": [{"price_data": price, "quantity": 1}],
            "payment_intent_data": {"metadata": metadata},
            "metadata": metadata,
            "success_url": return_url,
            "cancel_url": return_url.replace(SESSION_PLACE, ""),
        }
        if transaction.page_expires_at is not None:
            params["expires_at"] = int(transaction.page_expires_at.timestamp())
        # Who asks for another way back, as reconciliation may, would else be refused for as long as the key is known.
        return self._page(params, self._key("page", transaction.idempotency_key, return_url, customer_id))

    def open_card_page(self, account: Account, customer_id: str, return_url: str, key: str) -> HostedPage:
        """Stripe's page on which the customer adds a card, and nothing but a card."""
        metadata = self._metadata(account.account_id)
        params: Any = {
            "mode": "setup",
            "allowed_payment_method_types": ["card"],
            "customer": customer_id,
            "currency": account.currency.lower(),
            "setup_intent_data": {"metadata": metadata},
            "metadata": metadata,
            "success_url": return_url,
            "cancel_url": return_url.replace(SESSION_PLACE, ""),
        }
        return self._page(params, self._key("card-page", key, customer_id))

    def _page(self, params: Any, key: Any) -> HostedPage:
        with self._asking(customer=params["customer"]):
            session = self._stripe.v1.checkout.sessions.create(params, key)
            return read_session(session.to_dict(), self.is_foreign)

    def close_page(self, session_id: str) -> HostedPage:
        """Let nobody pay on a page any more. Returns it as it then is: complete where somebody had paid before.

        Raises StripeRefused where it stays open.
        """
        try:
            with self._asking():
                self._stripe.v1.checkout.sessions.expire(session_id)
        except StripeRefused as refusal:
            if self.session(session_id).status == "open":
                raise StripeRefused(refusal.detail, code=refusal.code, param=refusal.param) from refusal
        return self.session(session_id)

    def session(self, session_id: str) -> HostedPage:
        with self._asking():
            session = self._stripe.v1.checkout.sessions.retrieve(session_id, {"expand": ["setup_intent"]})
            return read_session(session.to_dict(), self.is_foreign)

    def method(self, payment_method_id: str) -> SavedMethod:
        with self._asking():
            return read_method(self._stripe.v1.payment_methods.retrieve(payment_method_id).to_dict())

    def cards_of(self, customer_id: str) -> list[SavedMethod]:
        """The cards that are attached to a customer, the newest first."""
        params: Any = {"type": "card", "limit": 100}
        with self._asking(customer=customer_id):
            found = self._stripe.v1.customers.payment_methods.list(customer_id, params).auto_paging_iter()
            return [read_method(method.to_dict()) for method in _to_the_end(found)]

    def detach(self, payment_method_id: str) -> None:
        """Let Stripe forget a payment method; one that is nobody's already is fine."""
        try:
            with self._asking():
                self._stripe.v1.payment_methods.detach(payment_method_id)
        except StripeRefused as refusal:
            if self.method(payment_method_id).customer_id is not None:
                raise StripeRefused(refusal.detail, code=refusal.code, param=refusal.param) from refusal

    def refund(self, payment_intent_id: str, minor_units: int, refund_key: str, asked: str = "") -> StripeRefund:
        """Give back a part of a payment, once for `refund_key` as long as Stripe remembers it.

        `asked` is what the request said, to be read again with the refund.

        Raises StripeRefused where so much is not left.
        """
        params: Any = {
            "payment_intent": payment_intent_id,
            "amount": minor_units,
            "metadata": {"talktime_refund": refund_key, "talktime_asked": asked, "talktime_stage": self._stage},
        }
        with self._asking():
            return read_refund(self._stripe.v1.refunds.create(params, self._key("refund", refund_key)).to_dict())

    def refunds(self, payment_intent_id: str) -> list[StripeRefund]:
        params: Any = {"payment_intent": payment_intent_id, "limit": 100}
        with self._asking():
            found = self._stripe.v1.refunds.list(params).auto_paging_iter()
            return [read_refund(refund.to_dict()) for refund in _to_the_end(found)]

    def disputes(self, payment_intent_id: str) -> list[DisputeReport]:
        params: Any = {
            "payment_intent": payment_intent_id,
            "limit": 100,
            "expand": ["data.charge.balance_transaction"],
        }
        with self._asking():
            found = self._stripe.v1.disputes.list(params).auto_paging_iter()
            return [read_dispute(dispute.to_dict()) for dispute in _to_the_end(found)]

    def payment_of(self, object_type: str, object_id: str) -> str | None:
        """The payment that a refund, a charge or a dispute belongs to."""
        retrieve: Mapping[str, Any] = {
            "charge": self._stripe.v1.charges.retrieve,
            "refund": self._stripe.v1.refunds.retrieve,
            "dispute": self._stripe.v1.disputes.retrieve,
        }
        with self._asking():
            intent: str | None = retrieve[object_type](object_id).payment_intent
            return intent

    def events(self, since: datetime, until: datetime) -> Iterator[StripeEvent]:
        """What happened to ours in a span of time, of the kinds we handle: what a webhook should have told.

        Read as it comes, without the SDK's objects: of 10,000 events these take 14 s of a core, this takes 2.
        """
        params: Any = {
            "types": list(HANDLED_EVENTS),
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "limit": 100,
        }
        while True:
            with self._asking():
                page: Any = self._stripe.raw_request("get", "/v1/events", **params).data
            for event in page["data"]:
                found = read_event(event, self.is_foreign)
                if found is not None:
                    yield found
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]

    def require_event(self, event_id: str) -> None:
        """Raises PaymentsMisconfigured where this is not the account that once told of the event."""
        with self._asking():
            self._stripe.v1.events.retrieve(event_id)

    def is_foreign(self, metadata: Mapping[str, str] | None) -> bool:
        """Whether an object was made by another stage, or by something else that shares the Stripe account."""
        said = metadata or {}
        return said.get("talktime_stage") != self._stage or not said.get("talktime_account")

    def _read(self, intent: Any) -> Intent:
        return read_intent(intent, self.is_foreign)

    def _metadata(self, account_id: str) -> dict[str, str]:
        return {"talktime_account": account_id, "talktime_stage": self._stage}

    def _of_transaction(self, transaction: Transaction) -> dict[str, str]:
        return self._metadata(transaction.account_id) | {TRANSACTION_KEY: transaction.transaction_id}

    def _key(self, kind: str, *facts: str | int) -> Any:
        """The key of a request that is made once for these facts."""
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:_KEY_DIGITS]
        return {"idempotency_key": f"talktime:{self._stage}:{kind}:{digest}"}


def _key_slot(now: datetime) -> int:
    """Changes every ten minutes: Stripe repeats an error of its own to the same key for a day."""
    return int(now.timestamp()) // _KEY_SLOT_SECONDS


def _to_the_end(found: Iterator[Any]) -> Iterator[Any]:
    """All of a list. Raises PaymentsUnavailable for one too long: what was not looked through may still be there."""
    for number, each in enumerate(found):
        if number == _MOST_LOOKED_THROUGH:
            raise PaymentsUnavailable(f"more than {number} objects to look through")
        yield each
